"""Compress two halves of a file in two threads at once.

zlib is a C extension that gives up the interpreter's lock while it works, so
the two threads use two vCPUs where the memory size brings them.
"""

import random
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

DEFAULT_SIZE_KB = 5000
LARGEST_SIZE_KB = 60_000
THREADS = ThreadPoolExecutor(max_workers=2)


def sample_records(size_kb: int) -> bytes:
    """Make records that are the same in every run and compress about three to one."""
    seeded = random.Random(11)
    block = "".join(f"{seeded.randrange(10**9)},{seeded.choice('abcdefgh') * 6}\n" for _ in range(8000)).encode()
    return (block * (size_kb * 1024 // len(block) + 1))[: size_kb * 1024]


# Made once for each execution environment: this is part of the cold start, not of the duration.
SAMPLE_RECORDS = sample_records(DEFAULT_SIZE_KB)


def handler(event: Any, context: Any) -> dict[str, Any]:
    if not isinstance(event, dict):
        raise ValueError(f"the event must be an object with 'sizeKb', not {type(event).__name__}")
    size_kb = event.get("sizeKb", DEFAULT_SIZE_KB)
    if isinstance(size_kb, bool) or not isinstance(size_kb, int) or not 1 <= size_kb <= LARGEST_SIZE_KB:
        raise ValueError(f"'sizeKb' must be a whole number from 1 to {LARGEST_SIZE_KB}, not {size_kb!r}")
    content = SAMPLE_RECORDS if size_kb == DEFAULT_SIZE_KB else sample_records(size_kb)
    middle = len(content) // 2
    halves = THREADS.map(lambda half: zlib.compress(half, 5), (content[:middle], content[middle:]))
    return {"bytes": len(content), "compressedBytes": sum(len(half) for half in halves)}
