"""One run's record: what was asked, of which function, and what it may cost."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate
from typing import Any, Literal

from tuner.aws.artifacts import RunArtifacts
from tuner.core.codec import from_json, to_json
from tuner.core.errors import RunNotFound
from tuner.core.function.target import TargetFunction
from tuner.core.function.traffic import Traffic
from tuner.core.model import Batch, Observation, SearchProblem
from tuner.core.request.tuning_request import TuningRequest, WeightedPayload
from tuner.core.run.bucket_layout import FACTS, OBSERVATIONS, PAYLOAD_SIZES, PAYLOADS, PLAN, RECORD, ROUNDS
from tuner.core.run.plan import Plan


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
    """So many batches of a round are measured at the same time."""
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


def load_record(artifacts: RunArtifacts) -> RunRecord:
    """The run's record.

    Raises:
        RunNotFound: The run was never planned.
    """
    return from_json(RunRecord, artifacts.read(RECORD))


def load_plan(artifacts: RunArtifacts) -> Plan:
    """The run's plan.

    Raises:
        RunNotFound: The run was never planned.
    """
    return from_json(Plan, artifacts.read(PLAN))


def save_plan(artifacts: RunArtifacts, plan: Plan) -> None:
    """Write the plan; before the side effect that it lists."""
    artifacts.write(PLAN, to_json(plan))


def save_payloads(artifacts: RunArtifacts, payloads: Sequence[WeightedPayload]) -> None:
    """Write the events so that each can be read by itself."""
    bodies = [json.dumps(each.payload, ensure_ascii=False).encode() for each in payloads]
    artifacts.all.write(artifacts.key(PAYLOADS), b"".join(bodies))
    artifacts.write(PAYLOAD_SIZES, [len(body) for body in bodies])


def load_payloads(artifacts: RunArtifacts) -> Callable[[int], bytes]:
    """Give a function that reads the event of a number: what is held at a time is the events in use."""
    sizes: list[int] = artifacts.read(PAYLOAD_SIZES)
    starts = [0, *accumulate(sizes)]

    @lru_cache(maxsize=1)
    def read(index: int) -> bytes:
        body = artifacts.all.read(artifacts.key(PAYLOADS), part=(starts[index], sizes[index]))
        if body is None or len(body) != sizes[index]:
            raise RunNotFound(f"Run {artifacts.run_id} has lost its payloads.", hint="Start again.")
        return body

    return read


def round_name(round_number: int) -> str:
    """The name of the object that holds the batches of a round."""
    return f"{ROUNDS}{round_number:03d}.json"


def load_round(artifacts: RunArtifacts, round_number: int) -> tuple[Batch, ...]:
    """The batches that were asked for in a round."""
    return from_json(tuple[Batch, ...], artifacts.read(round_name(round_number)))


def journal_name(round_number: int, trial: int) -> str:
    """The name of the object that holds the invocations of a batch."""
    return f"{OBSERVATIONS}{round_number:03d}-{trial:04d}.json"


def load_journals(artifacts: RunArtifacts) -> list[Journal]:
    """Every batch measured so far, in the order in which they were asked for."""
    return [from_json(Journal, artifacts.read(name)) for name in artifacts.names(OBSERVATIONS)]


def observations_of(journals: Sequence[Journal]) -> list[Observation]:
    """What was observed: batches in which at least one invocation was tried."""
    return [journal.observation for journal in journals if journal.observation.invocations]


def compared(observations: Sequence[Observation]) -> list[Observation]:
    """What the answer rests on: all but the cold starts that the request asked for."""
    return [observation for observation in observations if observation.purpose != "cold_start"]


def memory_caps(artifacts: RunArtifacts) -> int | None:
    """The account's cap on memory in MB, where a refused clone told it."""
    facts: dict[str, Any] | None = artifacts.find(FACTS)
    return None if facts is None else facts.get("memory_cap_mb")
