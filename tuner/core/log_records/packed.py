"""Logs inside other documents: an Invoke answer's ``LogResult``, what subscriptions deliver."""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Iterator
from typing import Any

_GZIP_BEGINS = b"\x1f\x8b"
_LARGEST_BYTES = 64 * 1_048_576
"""Of one unpacked document; deliveries hold 6 MB at most, packed by about a tenth."""
_BASE64 = re.compile(r'\s*"?((?:[A-Za-z0-9+/]{4}|\s){10,}(?:[A-Za-z0-9+/]{2,3}={1,2})?)"?\s*')


def packed_texts(document: Any) -> Iterator[str]:
    """The logs that a JSON document carries in base64, as text.

    Knows ``LogResult`` (Invoke), ``awslogs.data`` (a subscribed function's
    event), ``records[].data`` (Firehose) and ``Records[].kinesis.data``.
    """
    if not isinstance(document, dict):
        return
    awslogs = document.get("awslogs")
    carried = [document.get("LogResult"), awslogs.get("data") if isinstance(awslogs, dict) else None]
    for name in ("records", "Records"):
        rows = document.get(name)
        for row in rows if isinstance(rows, list) else ():
            inner = row.get("kinesis", row) if isinstance(row, dict) else None
            carried.append(inner.get("data") if isinstance(inner, dict) else None)
    for data in carried:
        text = decoded(data) if isinstance(data, str) else None
        if text is not None:
            yield text


def text_in_base64(text: str) -> str | None:
    """The log in a text that is base64 as a whole (``--query LogResult --output text``), if it is one."""
    found = _BASE64.fullmatch(text)
    inner = decoded(found[1]) if found else None
    return inner if inner is not None and ("RequestId" in inner or '"platform.' in inner) else None


def decoded(data: str) -> str | None:
    """Decode base64, and gzip in it; ``None`` if it is neither."""
    try:
        octets = base64.b64decode("".join(data.split()), validate=True)
        if octets.startswith(_GZIP_BEGINS):
            octets = zlib.decompressobj(wbits=31).decompress(octets, _LARGEST_BYTES)
    except (binascii.Error, ValueError, zlib.error):
        return None
    return octets.decode("utf-8", "replace")
