"""``progress.json``: what somebody who waits for the run may see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tuner.aws.artifacts import RunArtifacts
from tuner.core.answer.best_so_far import best_so_far
from tuner.core.measurement.anchor import anchored
from tuner.core.model import Batch, Observation
from tuner.core.money.spending import spent_usd
from tuner.core.run.bucket_layout import PROGRESS
from tuner.core.run.record import RunRecord


def report_progress(artifacts: RunArtifacts, **fields: Any) -> None:
    """Change some fields of the progress, keeping the others."""
    known = artifacts.find(PROGRESS) or {"runId": artifacts.run_id}
    artifacts.write(PROGRESS, {**known, **fields})


def used(record: RunRecord, observations: Sequence[Observation]) -> dict[str, Any]:
    """What the run's invocations are and cost so far, as the report will count them, and the best size among them."""
    scaled = anchored(observations, record.request.observed)
    best = best_so_far(record.problem, scaled)
    return {
        "invocations": sum(len(observation.invocations) for observation in observations),
        "spentUsd": spent_usd(record.problem, scaled),
        "maxInvocations": record.problem.budget.max_invocations,
        "best": best
        and {
            "memoryMb": best.candidate.memory_mb,
            "slowestMs": best.slowest_ms,
            "costPerMillionUsd": best.cost_per_million_usd,
        },
    }


def report_batch(artifacts: RunArtifacts, record: RunRecord, batch: Batch, observations: Sequence[Observation]) -> None:
    """Say which batch is being measured, and what was used so far."""
    report_progress(
        artifacts,
        state="Measure",
        round=batch.round,
        memoryMb=batch.candidate.memory_mb,
        architecture=batch.candidate.architecture,
        message=batch.reason,
        **used(record, observations),
    )
