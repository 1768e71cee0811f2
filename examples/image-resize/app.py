"""Make JPEG thumbnails of one picture with Pillow, as an upload handler does."""

import base64
import binascii
import io
import time
from typing import Any

from PIL import Image, UnidentifiedImageError

DEFAULT_WIDTHS_PX = [1280, 640, 320]
LARGEST_WIDTH_PX = 4096


def sample_picture(width_px: int = 2700, height_px: int = 1800) -> bytes:
    """Draw the picture that is resized when the event brings none."""
    gradient = Image.linear_gradient("L").resize((width_px, height_px))
    rings = Image.radial_gradient("L").resize((width_px, height_px))
    picture = Image.merge("RGB", (gradient, rings, gradient.transpose(Image.Transpose.ROTATE_180)))
    encoded = io.BytesIO()
    picture.save(encoded, "JPEG", quality=90)
    return encoded.getvalue()


# Made once for each execution environment: this is part of the cold start, not of the duration.
SAMPLE_PICTURE = sample_picture()


def widths_of(event: dict[str, Any]) -> list[int]:
    widths = event.get("widths", DEFAULT_WIDTHS_PX)
    if not isinstance(widths, list) or not widths:
        raise ValueError(f"'widths' must be a list of pixels such as {DEFAULT_WIDTHS_PX}, not {widths!r}")
    for width in widths:
        if isinstance(width, bool) or not isinstance(width, int) or not 1 <= width <= LARGEST_WIDTH_PX:
            raise ValueError(f"each width must be a whole number from 1 to {LARGEST_WIDTH_PX}, not {width!r}")
    return widths


def picture_of(event: dict[str, Any]) -> bytes:
    if "image" not in event:
        return SAMPLE_PICTURE
    try:
        return base64.b64decode(event["image"], validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise ValueError("'image' must be a picture encoded as base64 text") from error


def handler(event: Any, context: Any) -> dict[str, Any]:
    if not isinstance(event, dict):
        raise ValueError(f"the event must be an object with 'widths' and 'image', not {type(event).__name__}")
    widths = widths_of(event)
    source = picture_of(event)
    started_s = time.perf_counter()
    try:
        picture = Image.open(io.BytesIO(source))
        picture.load()
    except UnidentifiedImageError as error:
        raise ValueError("'image' is not a picture that Pillow can read") from error
    thumbnails = []
    for width in widths:
        height = max(1, round(picture.height * width / picture.width))
        encoded = io.BytesIO()
        picture.resize((width, height), Image.Resampling.LANCZOS).convert("RGB").save(encoded, "JPEG", quality=85)
        thumbnails.append({"width": width, "height": height, "bytes": len(encoded.getvalue())})
    return {"thumbnails": thumbnails, "milliseconds": round((time.perf_counter() - started_s) * 1000, 1)}
