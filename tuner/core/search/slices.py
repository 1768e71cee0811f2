"""Large tables in slices: an intermediate result then takes a few megabytes, and small ones stay in the cache."""

from __future__ import annotations

from collections.abc import Iterator

CACHED = 2**15
"""Numbers, 8 bytes each, that stay in the processor's cache."""
FEW_MEGABYTES = 2**20


def slices(count: int, numbers_each: int, numbers: int) -> Iterator[slice]:
    """Cut *count* rows into slices that hold about so many *numbers*, *numbers_each* a row.

    >>> list(slices(5, 10, 20))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    step = max(1, numbers // max(1, numbers_each))
    return (slice(start, min(start + step, count)) for start in range(0, count, step))
