"""Compress a log file with zlib, as a delivery pipeline does before it stores it."""

import random
import zlib
from typing import Any

DEFAULT_SIZE_KB = 3000
LARGEST_SIZE_KB = 60_000


def sample_log(size_kb: int) -> bytes:
    """Write log lines that are the same in every run and compress about seven to one."""
    seeded = random.Random(7)
    lines = [
        f'10.0.{seeded.randrange(256)}.{seeded.randrange(256)} "GET /items/{seeded.randrange(9999)}" 200 '
        f"{seeded.randrange(90000)} {seeded.random():.6f}\n"
        for _ in range(5000)
    ]
    block = "".join(lines).encode()
    return (block * (size_kb * 1024 // len(block) + 1))[: size_kb * 1024]


# Made once for each execution environment: this is part of the cold start, not of the duration.
SAMPLE_LOG = sample_log(DEFAULT_SIZE_KB)


def whole_number(event: dict[str, Any], field: str, default: int, least: int, largest: int) -> int:
    value = event.get(field, default)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= largest:
        raise ValueError(f"'{field}' must be a whole number from {least} to {largest}, not {value!r}")
    return value


def handler(event: Any, context: Any) -> dict[str, Any]:
    if not isinstance(event, dict):
        raise ValueError(f"the event must be an object with 'text', 'sizeKb' and 'level', not {type(event).__name__}")
    level = whole_number(event, "level", 6, 1, 9)
    if "text" in event:
        if not isinstance(event["text"], str):
            raise ValueError(f"'text' must be text, not {type(event['text']).__name__}")
        content = event["text"].encode()
    else:
        size_kb = whole_number(event, "sizeKb", DEFAULT_SIZE_KB, 1, LARGEST_SIZE_KB)
        content = SAMPLE_LOG if size_kb == DEFAULT_SIZE_KB else sample_log(size_kb)
    compressed = zlib.compress(content, level)
    return {"bytes": len(content), "compressedBytes": len(compressed)}
