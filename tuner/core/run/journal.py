"""What a run has measured so far, a journal for each batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tuner.core.model import Observation


@dataclass(frozen=True, slots=True)
class Journal:
    """A batch while it is measured: what was started, and what came back.

    ``started`` is written before an invocation, so that a crash in the middle
    of one leaves it counted (as unmeasured) and never run twice.
    """

    observation: Observation
    started: int = 0
    complete: bool = False


def observations_of(journals: Sequence[Journal]) -> list[Observation]:
    """What was observed: batches in which at least one invocation was tried."""
    return [journal.observation for journal in journals if journal.observation.invocations]


def without_cold_starts(observations: Sequence[Observation]) -> list[Observation]:
    """What the answer rests on: all but the cold starts that the request asked for."""
    return [observation for observation in observations if observation.purpose != "cold_start"]
