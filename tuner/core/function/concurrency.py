"""How many invocations a run may have in flight: never enough for production to notice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tuner.core.errors import InvalidRequest
from tuner.core.request.tuning_request import MOST_ENVIRONMENTS_AT_ONCE

BATCHES_AT_ONCE = 5
"""Batches of a round that are measured at the same time, each at its own temporary function."""
_ENVIRONMENTS_AT_ONCE: Mapping[bool | None, int] = {False: 1, None: 3, True: MOST_ENVIRONMENTS_AT_ONCE}
"""Environments of one temporary function that are called at the same time, by what the user asked for.

Environments differ by 5 to 12 %, so an answer that rests on one of them is an answer about that one.
"""
_SHARE = 0.1
"""Of what production could need, the most that a run takes."""
LEAST_UNRESERVED = 100
"""What AWS keeps free of reserves for all functions without one (Lambda developer guide, "Configuring reserved
concurrency for a function", seen 2026-11)."""


@dataclass(frozen=True, slots=True)
class Concurrency:
    """What runs at the same time: the number of batches, and of invocations in each."""

    batches: int
    per_batch: int


@dataclass(frozen=True, slots=True)
class Reserve:
    """What a run's clones reserve of the account's concurrency, all that may be there at once."""

    per_clone: int
    clones: int

    @property
    def total(self) -> int:
        """What other functions have less until the run's end."""
        return self.per_clone * self.clones

    def check(self, unreserved: int | None) -> str:
        """Find that AWS allows it, and say what it means for others.

        Args:
            unreserved: The account's concurrency that no function has reserved; ``None`` if it is not known.

        Raises:
            InvalidRequest: It would leave others less than AWS keeps for them; says what would fit.
        """
        clones = f"{self.clones} {'clone' if self.clones == 1 else 'clones'}"
        if unreserved is None:
            return (
                f"Each of up to {clones} reserves {self.per_clone} of the account's concurrency until the run ends; "
                f"how much is free could not be read, and AWS refuses a clone's reservation if less than "
                f"{LEAST_UNRESERVED} would be left for others."
            )
        if unreserved - self.total < LEAST_UNRESERVED:
            raise InvalidRequest(
                [
                    f"reservedConcurrency is {self.per_clone}: up to {clones} would reserve {self.total} of the "
                    f"account's concurrency, of which {unreserved} are not reserved by any function, and AWS keeps "
                    f"{LEAST_UNRESERVED} of them free"
                ],
                hint=self._way_out((unreserved - LEAST_UNRESERVED) // self.clones),
            )
        return (
            f"Each of up to {clones} reserves {self.per_clone} of the account's concurrency until the run ends: of "
            f"the {unreserved} that no function has reserved, the others have {self.total} less until then."
        )

    @staticmethod
    def _way_out(fitting: int) -> str:
        if fitting >= 1:
            return f"With {fitting} it would fit; or list fewer sizes in memory, or leave reservedConcurrency out."
        return "List fewer sizes in memory, lower budget.maxInvocations, or leave reservedConcurrency out."


def plan_concurrency(
    *, parallel: bool | None, reserved: int | None, unreserved: int | None, per_clone: int | None = None
) -> Concurrency:
    """Divide a tenth of what production could need among a round's batches.

    Args:
        parallel: Whether the user wants several invocations of one size at once; None if nothing was said.
        reserved: The function's reserved concurrency, ``None`` if it has none:
            what it could need at most, and a sign of how much its surroundings bear.
        unreserved: The account's concurrency that no function has reserved, which
            all others share; ``None`` if it is not known.
        per_clone: What each clone reserves; ``None``: nothing. More at once would be throttled.

    Example:
        >>> plan_concurrency(parallel=True, reserved=None, unreserved=1000)
        Concurrency(batches=5, per_batch=5)
        >>> plan_concurrency(parallel=True, reserved=1, unreserved=1000)
        Concurrency(batches=1, per_batch=1)
    """
    bounds = [bound for bound in (reserved, unreserved) if bound is not None]
    free = max(1, int(min(bounds) * _SHARE)) if bounds else BATCHES_AT_ONCE
    batches = min(BATCHES_AT_ONCE, free)
    at_once = min(_ENVIRONMENTS_AT_ONCE[parallel], per_clone or MOST_ENVIRONMENTS_AT_ONCE)
    return Concurrency(batches, max(1, min(at_once, free // batches)))
