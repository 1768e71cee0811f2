"""A run's record: what was asked, of which function, what it may cost, and a journal for each batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tuner.core.function.target import TargetFunction, Traffic
from tuner.core.model import Observation, SearchProblem
from tuner.core.request.tuning_request import TuningRequest


@dataclass(frozen=True, slots=True)
class Outside:
    """A memory size that is not part of the space, and why."""

    memory_mb: int
    reason: str


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What ``plan`` found out once, for every later step."""

    run_id: str
    execution_arn: str
    started_at: str
    where: Literal["aws", "local"]
    request: TuningRequest
    target: TargetFunction
    problem: SearchProblem
    parallel_batches: int
    """How many batches of a round are measured at the same time."""
    outside: tuple[Outside, ...] = ()
    warnings: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    traffic: Traffic | None = None
    """What CloudWatch says of production; ``None``: unknown."""
    study_key: str = ""
    """Names the study of everything that this run measures: see ``tuner.core.run.study_key``."""
    assumed_size: bool = False
    """Whether today's size is a guess, as for a handler that was never deployed."""
    busy: bool = False
    """Whether the user's own machine, which measures, did other work when the run began."""


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
