"""A run's objects in the bucket: record, plan, payloads, rounds and journals, read and written as values."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Any

from tuner.aws.artifacts import RunArtifacts
from tuner.core.codec import from_json, to_json
from tuner.core.errors import RunNotFound
from tuner.core.model import Batch
from tuner.core.request.tuning_request import WeightedPayload
from tuner.core.run.bucket_layout import FACTS, OBSERVATIONS, PAYLOAD_SIZES, PAYLOADS, PLAN, RECORD, ROUNDS
from tuner.core.run.plan import Plan
from tuner.core.run.record import Journal, RunRecord


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
    artifacts.bucket.write(artifacts.key(PAYLOADS), b"".join(bodies))
    artifacts.write(PAYLOAD_SIZES, [len(body) for body in bodies])


def load_payloads(artifacts: RunArtifacts) -> Callable[[int], bytes]:
    """Give a function that reads the event of a number: what is held at a time is the events in use."""
    sizes: list[int] = artifacts.read(PAYLOAD_SIZES)
    starts = [0, *accumulate(sizes)]

    @lru_cache(maxsize=1)
    def read(index: int) -> bytes:
        body = artifacts.bucket.read(artifacts.key(PAYLOADS), part=(starts[index], sizes[index]))
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


def memory_cap_mb(artifacts: RunArtifacts) -> int | None:
    """The account's cap on memory in MB, if a refused clone revealed it."""
    facts: dict[str, Any] | None = artifacts.find(FACTS)
    return None if facts is None else facts.get("memory_cap_mb")
