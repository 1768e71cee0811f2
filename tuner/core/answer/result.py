"""The result of a run as one document: what ``report.json`` holds and every report renders.

Its shape is ``docs/schema/report.schema.json``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from tuner.core.answer.power_tuning_output import OUTPUT_NAMES
from tuner.core.function.snap_start import copies_of, most_fees_usd, restores_of, snapshot_fees_usd
from tuner.core.function.traffic import Traffic
from tuner.core.measurement.latency import percentile
from tuner.core.model import (
    Candidate,
    ConfigurationEstimate,
    Drift,
    GoalAlternatives,
    Interval,
    Invocation,
    KeepOrChange,
    Observation,
    Recommendation,
    SearchProblem,
)
from tuner.core.money.pricing import candidate_cost_usd, price_rows
from tuner.core.money.spending import spent_usd

SCHEMA_VERSION = 1

OUTPUT_FIELDS = (
    "schemaVersion",
    "runId",
    "functionArn",
    "where",
    "verdict",
    "goal",
    "recommended",
    "current",
    "safer",
    "savingRatio",
    "decision",
    "probability",
    "confidence",
    "invocations",
    "spentUsd",
    "stoppedBecause",
    *OUTPUT_NAMES,
    "report",
    "estimate",
    "drift",
    "coldStarts",
    "error",
)
"""The fields that the execution's output has; ``report.json`` has them and more."""

_ROUND_OVERHEAD_S = 8.0
"""What a round takes besides the invocations: making clones, asking the search."""

_SNAPSHOT_OVERHEAD_S = 150.0
"""What copies with SnapStart add to a round: AWS speaks of minutes for a version ("Lambda SnapStart", seen 2026-11)."""


def execution_output(document: Mapping[str, Any]) -> dict[str, Any]:
    """The part of the document that is the state machine's output."""
    return {field: document[field] for field in OUTPUT_FIELDS if field in document}


def answer_fields(recommendation: Recommendation, *, assumed: bool) -> dict[str, Any]:
    """The fields of a run that ended with an answer."""
    current = recommendation.current
    return {
        "verdict": recommendation.verdict,
        "recommended": configuration_fields(recommendation.recommended),
        "current": None if current is None else {**configuration_fields(current), "assumed": assumed},
        "safer": None if recommendation.safer is None else configuration_fields(recommendation.safer),
        "savingRatio": recommendation.saving_ratio,
        **decision_fields(recommendation.decision, assumed=assumed),
        "probability": dict(recommendation.probability),
        "confidence": recommendation.confidence,
        "stoppedBecause": recommendation.stopped_because,
        "drift": None if recommendation.drift is None else drift_fields(recommendation.drift),
        "configurations": [
            configuration_fields(row)
            for row in sorted(
                recommendation.configurations, key=lambda row: (row.candidate.architecture, row.candidate.memory_mb)
            )
        ],
    }


def decision_fields(decision: KeepOrChange | None, *, assumed: bool) -> dict[str, Any]:
    """Whether today's configuration is kept, why, and what a change would be worth.

    A size that is only assumed is no reason to stay with it.
    """
    if decision is None:
        return {}
    if assumed and decision.reason == "within_tolerance":
        decision = replace(decision, action="change", reason="assumed")
    fields = {
        "action": decision.action,
        "reason": decision.reason,
        "worthRatio": decision.worth_ratio,
        "savingRatio": None if decision.saving_ratio is None else interval_fields(decision.saving_ratio),
    }
    return {"decision": fields}


def drift_fields(drift: Drift) -> dict[str, Any]:
    """How durations changed within the run."""
    return {"ratio": drift.ratio, "low": drift.low, "high": drift.high, "sizes": drift.sizes, "found": drift.found}


def cold_start_fields(observations: Sequence[Observation], recommendation: Recommendation) -> list[dict[str, Any]]:
    """The cold starts at today's size and at the recommended one: their count, and what they took.

    A cold caller waits for both, init and duration; a start whose init ran
    again inside the duration has no init of its own.
    """
    sizes = [row.candidate for row in (recommendation.current, recommendation.recommended) if row is not None]
    rows = []
    for candidate in dict.fromkeys(sizes):
        cold = [
            invocation
            for observation in observations
            if observation.candidate == candidate
            for invocation in observation.invocations
            if invocation.cold and invocation.outcome == "ok"
        ]
        rows.append(
            {
                "memoryMb": candidate.memory_mb,
                "architecture": candidate.architecture,
                "count": len(cold),
                "initMs": _median_and_most([row.init_ms for row in cold if row.init_ms is not None]),
                "durationMs": _median_and_most([row.duration_ms for row in cold if row.duration_ms is not None]),
            }
        )
    return rows


def _median_and_most(samples_ms: Sequence[float]) -> dict[str, float] | None:
    return {"p50": percentile(samples_ms, 50), "max": max(samples_ms)} if samples_ms else None


def dry_run_fields(
    problem: SearchProblem, observations: Sequence[Observation], *, cold_starts: int = 0
) -> dict[str, Any]:
    """The fields of a dry run: the most that the run would take.

    The one measured duration is taken to be all CPU at smaller sizes and not
    to shrink at larger ones, and never to pass the function's time-out. Copies
    with SnapStart cost their fees and minutes beside that.
    """
    # The one invocation was at today's size, or at one that a fixed design names.
    seen_mb = observations[0].candidate.memory_mb if observations else problem.current.memory_mb
    seen_ms = max(
        (invocation.duration_ms or 0.0 for observation in observations for invocation in observation.invocations),
        default=problem.timeout_ms,
    )
    count = problem.budget.max_invocations

    def worst_ms(candidate: Candidate) -> float:
        slower = max(1.0, seen_mb / candidate.memory_mb)
        return min(problem.timeout_ms, seen_ms * slower)

    def worst_usd_at(candidate: Candidate) -> float:
        return candidate_cost_usd(problem, candidate, math.ceil(worst_ms(candidate)))

    if problem.design is None:
        worst_usd = count * max(
            candidate_cost_usd(problem, row, math.ceil(worst_ms(row))) for row in problem.candidates
        )
        seconds = count * max(worst_ms(row) for row in problem.candidates) / 1000
        rounds = math.ceil(count / 4)
    else:
        each, rows = problem.design.invocation_count, problem.design.candidates
        worst_usd = each * sum(worst_usd_at(row) for row in rows)
        seconds = each * sum(worst_ms(row) for row in rows) / 1000
        rounds = 2
    overhead_s = _ROUND_OVERHEAD_S
    if problem.snapshot_prices is not None:
        worst_usd += most_fees_usd(problem, problem.snapshot_prices, cold_starts)
        overhead_s += _SNAPSHOT_OVERHEAD_S
    minutes = (seconds + rounds * overhead_s) / 60
    return {
        "verdict": "DRY_RUN",
        "estimate": {
            "invocations": count,
            "costUsd": min(problem.budget.max_cost_usd, worst_usd),
            "minutes": min(problem.budget.max_minutes, minutes),
        },
        "stoppedBecause": "It is a dry run: one invocation and an estimate.",
    }


def evidence_fields(
    problem: SearchProblem,
    observations: Sequence[Observation],
    anchor_factor: float | None,
    uninvoked: Sequence[Candidate] = (),
) -> dict[str, Any]:
    """The invocations, one row each, and what they cost; *uninvoked* copies, by their size, cost something too."""
    return {
        "invocations": sum(len(observation.invocations) for observation in observations),
        "spentUsd": spent_usd(problem, observations, uninvoked),
        **_snap_start_fields(problem, observations, uninvoked),
        "observations": [
            _observation_fields(observation, invocation)
            for observation in observations
            for invocation in observation.invocations
        ],
        **({} if anchor_factor is None else {"anchorFactor": anchor_factor}),
    }


def _snap_start_fields(
    problem: SearchProblem, observations: Sequence[Observation], uninvoked: Sequence[Candidate]
) -> dict[str, Any]:
    if problem.snapshot_prices is None:
        return {}
    return {
        "snapStart": {
            "copies": len(copies_of(observations)) + len(uninvoked),
            "restores": len(restores_of(observations)),
            "feesUsd": snapshot_fees_usd(problem, observations, uninvoked),
        }
    }


def traffic_fields(traffic: Traffic | None) -> dict[str, Any] | None:
    """What CloudWatch says of production, ``None`` where it is not known."""
    if traffic is None:
        return None
    return {
        "days": traffic.days,
        "invocations": traffic.invocations,
        "durationMs": {"p50": traffic.p50_ms, "p95": traffic.p95_ms},
        "costUsd": traffic.cost_usd,
    }


def monthly_fields(
    problem: SearchProblem, recommendation: Recommendation, *, source: Literal["request", "cloudwatch"]
) -> dict[str, Any] | None:
    """What a month of production costs now and then; ``None`` where its traffic is not known."""
    if not problem.monthly_invocations:
        return None

    def month_usd(row: ConfigurationEstimate | None) -> float | None:
        cost = None if row is None else row.cost_per_million_usd
        return None if cost is None else cost.estimate * (problem.monthly_invocations or 0.0) / 1e6

    now_usd, then_usd = month_usd(recommendation.current), month_usd(recommendation.recommended)
    return {
        "invocations": problem.monthly_invocations,
        "source": source,
        "currentUsd": now_usd,
        "recommendedUsd": then_usd,
        "savingUsd": None if now_usd is None or then_usd is None else now_usd - then_usd,
    }


def goal_fields(problem: SearchProblem) -> dict[str, Any] | None:
    """The latency goal, ``None`` where none was asked."""
    if problem.goal is None:
        return None
    return {"percentile": problem.goal.percentile, "limitMs": problem.goal.limit_ms}


def alternative_fields(alternatives: GoalAlternatives, recommendation: Recommendation) -> dict[str, Any]:
    """The answer under other limits of the goal, with what each would save against today's configuration.

    Its intervals are those of the recommendation's own rows, which are widened where the run drifted.
    """
    current = recommendation.current
    now = None if current is None else current.cost_per_million_usd
    key = f"p{alternatives.percentile:g}"
    shown = {row.candidate: row for row in recommendation.configurations}
    return {
        "percentile": alternatives.percentile,
        "choices": [
            {
                "fromLimitMs": row.from_limit_ms,
                "toLimitMs": row.to_limit_ms,
                "memoryMb": row.candidate.memory_mb,
                "architecture": row.candidate.architecture,
                "verdict": row.verdict,
                "durationMs": interval_fields(shown[row.candidate].duration_ms.get(key, row.duration_ms)),
                "costPerMillionUsd": interval_fields(
                    shown[row.candidate].cost_per_million_usd or row.cost_per_million_usd
                ),
                "savingRatio": None if now is None else 1 - row.cost_per_million_usd.estimate / now.estimate,
                "samples": row.samples,
                "environments": row.environments,
                "thin": row.thin,
            }
            for row in alternatives.choices
        ],
        "steps": [
            {
                "limitMs": step.limit_ms,
                "choice": step.choice,
                "goalProbability": step.goal_probability,
                "confidence": step.confidence,
            }
            for step in alternatives.steps
        ],
    }


def price_fields(problem: SearchProblem, region: str) -> dict[str, Any]:
    """The prices that were used, and when they were seen."""
    rows = price_rows("AWSLambda", "duration", region, problem.current.architecture)
    return {
        "region": region,
        "seenOn": rows[0].as_of if rows else None,
        "architectures": {
            architecture: {
                "usdPerGbSecond": prices.usd_per_gb_second,
                "usdPerMillionRequests": round(prices.usd_per_request * 1e6, 9),
            }
            for architecture, prices in problem.prices.items()
        },
    }


def configuration_fields(row: ConfigurationEstimate) -> dict[str, Any]:
    """What is known about one candidate, in the document's words."""
    return {
        "memoryMb": row.candidate.memory_mb,
        "architecture": row.candidate.architecture,
        "durationMs": {key: interval_fields(interval) for key, interval in row.duration_ms.items()},
        "coldStartMs": None if row.cold_start_ms is None else interval_fields(row.cold_start_ms),
        "costPerMillionUsd": None if row.cost_per_million_usd is None else interval_fields(row.cost_per_million_usd),
        "samples": row.samples,
        "environments": row.environments,
        "earlierSamples": row.earlier_samples,
        "basis": row.basis,
        "infeasibleReason": row.infeasible_reason,
        "failures": row.failures,
        "unmeasured": row.unmeasured,
        "maxMemoryUsedMb": row.max_memory_used_mb,
        "goalProbability": row.goal_probability,
    }


def interval_fields(interval: Interval) -> dict[str, float]:
    """An estimate with its bounds, in the document's words."""
    return {"estimate": interval.estimate, "low": interval.low, "high": interval.high}


def _observation_fields(observation: Observation, invocation: Invocation) -> dict[str, Any]:
    return {
        "round": observation.round,
        "trial": observation.trial,
        "memoryMb": observation.candidate.memory_mb,
        "architecture": observation.candidate.architecture,
        "requestId": invocation.request_id or None,
        "outcome": invocation.outcome,
        "cold": invocation.cold,
        "durationMs": invocation.duration_ms,
        "billedMs": invocation.billed_ms,
        "initMs": invocation.init_ms,
        "maxMemoryUsedMb": invocation.max_memory_used_mb,
        "source": invocation.source,
        "environment": invocation.environment,
        "payloadIndex": invocation.payload_index,
        "errorType": invocation.error_type,
        "errorMessage": invocation.error_message,
        **({"errorFrames": list(invocation.error_frames)} if invocation.error_frames else {}),
        **({"logTail": list(invocation.log_tail)} if invocation.log_tail else {}),
        **_cpu_fields(invocation),
        **_core_wait_fields(invocation),
    }


def _cpu_fields(invocation: Invocation) -> dict[str, Any]:
    if invocation.cpu_ms is None:
        return {}
    return {"cpuMs": invocation.cpu_ms, "threadCount": invocation.thread_count}


def _core_wait_fields(invocation: Invocation) -> dict[str, Any]:
    if invocation.core_wait_ms is None:
        return {}
    return {"coreWaitMs": invocation.core_wait_ms, "coreWaitErrorMs": invocation.core_wait_error_ms}
