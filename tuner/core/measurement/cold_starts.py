"""Cold starts on request: how many new environments are still to be seen, and what was seen of them.

A new environment is had in the fewest calls from a fresh clone: two (create,
delete) and the wait, whether one invocation goes to it or several at once,
which start an environment each. Changing a clone's configuration costs as many
for each environment, and needs the permission to change functions.
See docs/decisions/0019-cold-starts-from-fresh-copies.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from tuner.core.model import Batch, Candidate, Observation

COPIES_A_ROUND = 20
"""So many temporary functions are made in one step at most."""
FIRST_TRIAL = 9_000
"""Batches that the search did not ask for are numbered from here, so that none is taken for one of its trials."""


def cold_start_batches(
    asked: int,
    candidates: Sequence[Candidate],
    observations: Sequence[Observation],
    *,
    round_number: int,
    parallel: int,
) -> tuple[Batch, ...]:
    """Ask for the next clones at the given sizes, until as many environments as asked have been started at each.

    First invocations that the search saw count too. *parallel* is how many go to one clone at once.
    """
    batches: list[Batch] = []
    made = sum(observation.purpose == "cold_start" for observation in observations)
    for candidate in dict.fromkeys(candidates):
        missing = asked - _started(candidate, observations)
        while missing > 0 and len(batches) < COPIES_A_ROUND:
            count = min(parallel, missing)
            number = made + len(batches) + 1
            batches.append(
                Batch(
                    round_number,
                    FIRST_TRIAL + number,
                    candidate,
                    count,
                    count,
                    f"Cold starts at {candidate}, as the request asks for.",
                    purpose="cold_start",
                    clone_number=number,
                )
            )
            missing -= count
    return tuple(batches)


def _started(candidate: Candidate, observations: Sequence[Observation]) -> int:
    """Count new environments; an invocation that was made for one counts also where it left no record."""
    return sum(
        observation.purpose == "cold_start" or invocation.cold
        for observation in observations
        if observation.candidate == candidate
        for invocation in observation.invocations
    )
