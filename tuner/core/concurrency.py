"""How many invocations a run may have in flight: never so many that production could miss them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

BATCHES_AT_ONCE = 5
"""Batches of a round that are measured at the same time, each at its own temporary function."""
_ENVIRONMENTS_AT_ONCE: Mapping[bool | None, int] = {False: 1, None: 3, True: 5}
"""Environments of one temporary function that are called at the same time, by what the user asked for.

Environments differ by 5 to 12 %, so an answer that rests on one of them is an answer about that one.
"""
_SHARE = 0.1
"""Of what production could need, the most that a run takes."""


@dataclass(frozen=True, slots=True)
class Concurrency:
    """What runs at the same time: so many batches, each with so many invocations."""

    batches: int
    per_batch: int


def plan_concurrency(*, parallel: bool | None, reserved: int | None, unreserved: int | None) -> Concurrency:
    """Divide a tenth of what production could need among a round's batches.

    Args:
        parallel: Whether the user wants several invocations of one size at once; None where nothing was said.
        reserved: The function's reserved concurrency, ``None`` where it has none:
            what it could need at most, and a sign of how much its surroundings bear.
        unreserved: The account's concurrency that no function has reserved, which
            all others share; ``None`` where it is not known.

    Example:
        >>> plan_concurrency(parallel=True, reserved=None, unreserved=1000)
        Concurrency(batches=5, per_batch=5)
        >>> plan_concurrency(parallel=True, reserved=1, unreserved=1000)
        Concurrency(batches=1, per_batch=1)
    """
    bounds = [bound for bound in (reserved, unreserved) if bound is not None]
    free = max(1, int(min(bounds) * _SHARE)) if bounds else BATCHES_AT_ONCE
    batches = min(BATCHES_AT_ONCE, free)
    return Concurrency(batches, max(1, min(_ENVIRONMENTS_AT_ONCE[parallel], free // batches)))
