"""What every picture is made of: colours, scales, axes, text with a halo, and the drawing itself.

The pictures are Vega-Lite specifications that vl-convert draws to SVG. They are drawn here and not in the page, so that
the page needs no library and the same picture can stand in a wiki. Colours are CSS variables: the page's light and dark
colours apply to them.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tuner.report.labels import Spot

Spec = dict[str, Any]
Layer = dict[str, Any]

FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'
INK, MUTED, LINE, PAPER, SHADE = "var(--ink)", "var(--muted)", "var(--line)", "var(--paper)", "var(--shade)"
ACCENT, LIMIT, CURVE = "var(--accent)", "var(--limit)", "var(--curve)"

LIGHT = {
    "ink": "#1b1f24",
    "muted": "#626973",
    "line": "#e3e3dd",
    "paper": "#fdfdfb",
    "shade": "#f4eadb",
    "accent": "#0b6b62",
    "limit": "#a84b08",
    "curve": "#47618f",
}
"""The page's light colours, for a picture that stands alone."""
POINT = {"type": "point", "filled": True, "strokeWidth": 1, "opacity": 1}
GOAL_LINE = {"type": "rule", "color": LIMIT, "strokeWidth": 1.5, "strokeDash": [5, 4]}
COORDINATES = re.compile(r' (?:d|transform|x2|y2)="[^"]*"')
FRACTION = re.compile(r"(\.[0-9])[0-9]+")

MEMORY_TICKS_MB = (128, 256, 512, 1024, 2048, 4096, 8192)
LOG_FROM_RATIO = 3.0
"""Axes whose ends differ by more than this factor are logarithmic."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Width and height of a picture's plotting area in pixels."""

    width: int
    height: int


WIDE, HALF, PHONE = Frame(840, 360), Frame(410, 290), Frame(292, 260)


def draw_svg(spec: Spec, *, identifier: str, name: str) -> str:
    """Draw a specification as an SVG element that scales with the page.

    Its ids begin with *identifier*, which no other picture of the page has; *name* is for those who do not see it.
    """
    import vl_convert  # 90 MB and half a second: only if a picture is drawn

    svg: str = vl_convert.vegalite_to_svg(spec)
    svg = re.sub(r' (?:width|height)="[0-9.]+"', "", svg, count=2)
    svg = svg.replace(' xmlns:xlink="http://www.w3.org/1999/xlink"', "").replace(' version="1.1"', "")
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{identifier}-\1"', svg)
    svg = re.sub(r"url\(#([^)]+)\)", rf"url(#{identifier}-\1)", svg)
    svg = re.sub(r' (?:role|aria-roledescription|aria-label|aria-hidden|pointer-events)="[^"]*"', "", svg)
    # A tenth of a pixel is enough, and a third of the bytes.
    svg = COORDINATES.sub(lambda attribute: FRACTION.sub(r"\1", attribute[0]), svg)
    svg = re.sub(r' font-family="[^"]*"', "", svg)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{html.escape(name)}" ', 1)


def chart(layers: Sequence[Layer], frame: Frame) -> Spec:
    """A specification of *layers*, in the page's type and lines."""
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": frame.width,
        "height": frame.height,
        "padding": {"left": 4, "right": 8, "top": 6, "bottom": 4},
        "background": None,
        "layer": list(layers),
        "config": {
            "aria": False,
            "font": FONT,
            "view": {"stroke": None},
            "axis": {
                "domain": False,
                "ticks": False,
                "gridColor": LINE,
                "labelColor": MUTED,
                "titleColor": MUTED,
                "labelFontSize": 12,
                "titleFontSize": 12,
                "titleFontWeight": 400,
                "labelPadding": 8,
            },
        },
    }


def layer(values: Sequence[Mapping[str, Any]], mark: Layer, encoding: Layer, *, name: str = "") -> Layer:
    """Marks for data. *name* is what their elements' class begins with, for the page's script."""
    made = {"data": {"values": list(values)}, "mark": mark, "encoding": encoding}
    return {"name": name, **made} if name else made


def quantitative(field: str, scale: Layer, axis: Layer | None) -> Layer:
    """An axis of numbers."""
    return {"field": field, "type": "quantitative", "scale": scale, "axis": axis}


def axis_title(text: str, place: str) -> Layer:
    """An axis title where it is read first: above the axis, level."""
    if place == "end":
        return {"title": text, "titleAnchor": "end", "titlePadding": 10}
    side = {"titleAlign": "left", "titleX": 0} if place == "top" else {"titleAlign": "right", "titleX": 0}
    return {"title": text, "titleAngle": 0, "titleBaseline": "bottom", "titleY": -12, **side}


def scale_over(values: Sequence[float], ticks: float, *, logarithmic: bool = True) -> tuple[Layer, Layer]:
    """A scale over *values* with some air around, and its axis."""
    low, high = min(values), max(values)
    if logarithmic and low > 0 and high / low > LOG_FROM_RATIO:
        domain = [low / 1.12, high * 1.12]
        steps = _log_ticks(domain, ticks)
        return (
            {"type": "log", "domain": domain, "nice": False},
            {"values": steps, "format": ",~r" if domain[1] < 10 else ",~f", "grid": True},
        )
    margin = (high - low) * 0.08 or high * 0.2 or 1.0
    domain = [max(0.0, low - margin), high + margin]
    return (
        {"domain": domain, "nice": False, "zero": False},
        {"tickCount": max(3, round(ticks)), "format": ",~f" if domain[1] >= 10 else ",.3~r", "grid": True},
    )


def _log_ticks(domain: Sequence[float], most: float) -> list[float]:
    """Round numbers inside a logarithmic domain, as many as have room."""
    decades = range(math.floor(math.log10(domain[0])), math.ceil(math.log10(domain[1])) + 1)
    steps: list[float] = []
    for multiples in ((1, 1.5, 2, 3, 4, 5, 7), (1, 2, 3, 5), (1, 2, 5), (1, 3), (1,)):
        steps = [
            m * 10.0**decade for decade in decades for m in multiples if domain[0] <= m * 10.0**decade <= domain[1]
        ]
        if len(steps) <= max(3.0, most):
            break
    return steps


def memory_axis(sizes_mb: Sequence[int]) -> tuple[Layer, tuple[float, float]]:
    """The horizontal axis of memory sizes, logarithmic, and its ends in MB."""
    low, high = min(sizes_mb) / 1.08, max(sizes_mb) * 1.08
    steps = [size for size in MEMORY_TICKS_MB if low <= size <= high]
    axis: Layer = {"format": ",", "grid": False, **axis_title("memory, MB", "end")}
    if len(steps) >= 2:
        axis["values"] = steps
    scale: Layer = {"type": "log", "base": 2, "domain": [low, high], "nice": False}
    return quantitative("mb", scale, axis), (low, high)


def position(number: float, scale: Mapping[str, Any]) -> float:
    """Where a number lies on a scale, 0 at its start and 1 at its end."""
    low, high = map(float, scale["domain"])
    if scale.get("type") == "log":
        return math.log(number / low) / math.log(high / low)
    return (number - low) / (high - low)


def halo_text(
    values: Sequence[dict[str, Any]], encoding: Layer, colour: str, placing: Mapping[str, Any], *, name: str = ""
) -> Layer:
    """Text that stays readable where it crosses a line: once as a halo, once as itself.

    The *values* have it in field ``text``, with what *encoding* places them by. The class of what is drawn begins with
    *name*, for the page's script: letters and underscores.
    """
    base = {"type": "text", "baseline": "middle", "fontSize": 12, **placing}
    halo: Layer = {"mark": {**base, "color": PAPER, "stroke": PAPER, "strokeWidth": 4, "strokeJoin": "round"}}
    text: Layer = {"mark": {**base, "color": colour}}
    return {
        "data": {"values": list(values)},
        "encoding": {**encoding, "text": {"field": "text", "type": "nominal"}},
        "layer": [{"name": f"{name}_halo", **halo}, {"name": f"{name}_text", **text}] if name else [halo, text],
    }


def text_at(spot: Spot | None, text: str, colour: str, type_: Mapping[str, Any], *, name: str = "") -> list[Layer]:
    """A text at its spot, with a line to its point if it has one; nothing if it has no room."""
    if spot is None:
        return []
    placing = {"align": spot.align, **type_}
    encoding = {"x": {"value": spot.x}, "y": {"value": spot.y}}
    layers = [halo_text([{"text": text}], encoding, colour, placing, name=name)]
    if spot.way is not None and spot.drawn:
        x, y, end_x, end_y = spot.way
        ends = {"x": {"value": x}, "y": {"value": y}, "x2": {"value": end_x}, "y2": {"value": end_y}}
        layers.insert(0, layer([{}], {"type": "rule", "color": colour, "strokeWidth": 1}, ends))
    return layers


def with_titles(svg: str, name: str, titles: Sequence[str]) -> str:
    """Give each mark of a named layer a title, which browsers show where it is pointed at.

    There is a title for each of its data, in order; text of users is escaped. If the layer has another number of
    marks, the picture is unchanged.
    """
    found = re.search(rf'<g class="[^"]*\b{re.escape(name)}_marks"[^>]*>(.*?)</g>', svg, re.DOTALL)
    marks = re.findall(r"<path[^>]*/>", found[1]) if found else []
    if found is None or len(marks) != len(titles):
        return svg
    titled = "".join(
        f"{mark[:-2]}><title>{html.escape(text)}</title></path>" for mark, text in zip(marks, titles, strict=True)
    )
    return svg[: found.start(1)] + titled + svg[found.end(1) :]
