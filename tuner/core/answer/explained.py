"""The part of the result document that explains the search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tuner.core.answer.result import interval_fields
from tuner.core.model import Batch, Candidate, Explanation, WarmStart


def warm_start_fields(start: WarmStart) -> dict[str, Any]:
    """Whether earlier runs were used."""
    return {
        "fromRunId": start.from_run_id,
        "ageDays": start.age_days,
        "used": start.used,
        "reason": start.reason,
        "unchangedProbability": start.unchanged_probability,
        "samples": start.samples,
    }


def batch_fields(batches: Sequence[Batch]) -> list[dict[str, Any]]:
    """What was asked for, and why."""
    return [
        {
            "round": batch.round,
            "trial": batch.trial,
            **_candidate_fields(batch.candidate),
            "invocations": batch.invocation_count,
            "environments": batch.environment_count,
            "reason": batch.reason,
        }
        for batch in batches
    ]


def explanation_fields(explanation: Explanation) -> dict[str, Any]:
    """The fitted curve, the neighbours, and what more invocations would buy."""
    fields: dict[str, Any] = {
        "curve": [
            {
                **_candidate_fields(point.candidate),
                "meanMs": interval_fields(point.mean_ms),
                "goalMs": None if point.goal_ms is None else interval_fields(point.goal_ms),
            }
            for point in explanation.curve
        ],
        "neighbours": [
            {
                **_candidate_fields(row.candidate),
                "extraCostRatio": None if row.extra_cost_ratio is None else interval_fields(row.extra_cost_ratio),
                "goalProbability": row.goal_probability,
                "why": row.why,
            }
            for row in explanation.neighbours
        ],
    }
    if explanation.more_invocations:
        fields["moreInvocations"] = [
            {"invocations": row.invocations, "verdictProbability": row.verdict_probability}
            for row in explanation.more_invocations
        ]
    return fields


def _candidate_fields(candidate: Candidate) -> dict[str, Any]:
    return {"memoryMb": candidate.memory_mb, "architecture": candidate.architecture}
