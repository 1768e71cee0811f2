"""Find repeated blocks of a data set that is held in memory as a whole.

The blocks take about 300 MB, so the function runs out of memory at 256 MB and below.
"""

import zlib
from typing import Any

DEFAULT_SIZE_MB = 300
LARGEST_SIZE_MB = 8000
BLOCK_BYTES = 1024 * 1024


def handler(event: Any, context: Any) -> dict[str, Any]:
    if not isinstance(event, dict):
        raise ValueError(f"the event must be an object with 'sizeMb', not {type(event).__name__}")
    size_mb = event.get("sizeMb", DEFAULT_SIZE_MB)
    if isinstance(size_mb, bool) or not isinstance(size_mb, int) or not 1 <= size_mb <= LARGEST_SIZE_MB:
        raise ValueError(f"'sizeMb' must be a whole number from 1 to {LARGEST_SIZE_MB}, not {size_mb!r}")
    blocks: dict[int, bytearray] = {}
    repeated_count = 0
    for number in range(size_mb):
        # Filled with a value, so that every page is really used and not only reserved.
        block = bytearray(bytes((number % 251 + 1,)) * BLOCK_BYTES)
        block[:8] = number.to_bytes(8, "big")
        checksum = zlib.crc32(block)
        if blocks.get(checksum) == block:
            repeated_count += 1
        blocks[checksum] = block
    return {"blocks": size_mb, "different": len(blocks), "repeated": repeated_count}
