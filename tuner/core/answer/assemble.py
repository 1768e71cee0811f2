"""A run's report out of what it left: its record, what was observed, and the search's answer."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tuner.core.answer.dry_run import worst_case
from tuner.core.answer.power_tuning_output import power_tuning_output
from tuner.core.answer.recommendation import (
    ConfigurationEstimate,
    Explanation,
    GoalAlternatives,
    KeepOrChange,
    Recommendation,
)
from tuner.core.answer.report import (
    Answer,
    ColdStartSummary,
    DryRun,
    Failure,
    FunctionFacts,
    InvocationRow,
    KnownRun,
    MedianAndMost,
    MonthlyCost,
    Prices,
    ProductionTraffic,
    RestoredProof,
    SnapStartUse,
    TrafficPercentiles,
    UnitPrices,
    Unmeasurable,
)
from tuner.core.errors import ErrorFacts
from tuner.core.function.snap_start import clones_of, restores_of, snapshot_fees_usd
from tuner.core.function.target import Traffic
from tuner.core.measurement.anchor import anchor_factor, anchored
from tuner.core.measurement.disturbance import disturbance_sentence
from tuner.core.measurement.error_rates import error_sentences
from tuner.core.measurement.latency import percentile
from tuner.core.model import Batch, Candidate, Observation, SearchProblem, invocations_of
from tuner.core.money.pricing import price_rows
from tuner.core.money.spending import spent_usd
from tuner.core.run.record import Outside, RunRecord
from tuner.core.run.restored import Restored

_LIKE_PRODUCTION = 2.0
"""A median this many times longer or shorter than production's is another kind of event."""


def planned(
    head: KnownRun, record: RunRecord, seen: Sequence[Observation], uninvoked: Sequence[Candidate] = ()
) -> KnownRun:
    """Add what is known of a run that was planned, however it ends.

    *seen* is as it was measured; *uninvoked* are the sizes of clones that were made and not invoked, which may cost
    too.
    """
    target, problem = record.target, record.problem
    observations = anchored(seen, record.request.observed)
    return replace(
        head,
        function_arn=target.arn,
        where=record.where,
        goal=problem.goal,
        request=record.request.to_input(),
        function=FunctionFacts(
            name=target.name,
            arn=target.arn,
            runtime=target.runtime,
            handler=target.handler,
            architecture=target.architecture,
            memory_mb=target.memory_mb,
            timeout_s=target.timeout_s,
            code_sha256=target.code_sha256,
        ),
        started_at=record.started_at,
        assumptions=_assumptions(record),
        warnings=tuple(record.warnings),
        left_undone=_left_undone(record),
        unmeasurable=_unmeasurable(record.outside),
        prices=_prices(problem, record.request.prices_region or target.region),
        traffic=_traffic(record.traffic),
        versions=dict(record.versions),
        currency="CNY" if problem.prices[problem.current.architecture].currency == "CNY" else None,
        invocations=len(invocations_of(observations)),
        spent_usd=spent_usd(problem, observations, uninvoked),
        snap_start=_snap_start(problem, observations, uninvoked),
        observations=tuple(
            InvocationRow(
                observation.round,
                observation.trial,
                observation.candidate,
                replace(invocation, request_id=invocation.request_id or None),
            )
            for observation in observations
            for invocation in observation.invocations
        ),
        anchor_factor=anchor_factor(seen, record.request.observed),
    )


def failed(known: KnownRun, error: ErrorFacts) -> Failure:
    """The report of a run that failed."""
    return Failure(**_fields(known), error=error)


def estimated(known: KnownRun, record: RunRecord, seen: Sequence[Observation]) -> DryRun:
    """The report of a dry run."""
    observations = anchored(seen, record.request.observed)
    # The request's own bounds: what cold starts take is in them.
    whole = replace(record.problem, budget=record.request.budget)
    return DryRun(
        **_fields(replace(known, warnings=(*known.warnings, *_measured_warnings(observations)))),
        estimate=worst_case(whole, observations, cold_starts=record.request.cold_starts),
        stopped_because="It is a dry run: one invocation and an estimate.",
    )


def answered(
    known: KnownRun,
    record: RunRecord,
    seen: Sequence[Observation],
    recommendation: Recommendation,
    *,
    rounds: Sequence[Sequence[Batch]],
    versions: Mapping[str, str],
    explanation: Explanation | None,
    alternatives: GoalAlternatives | None,
    set_aside: str | None,
) -> Answer:
    """The report of a run that ended with a recommendation.

    *seen* is as it was measured; *rounds* are the batches of each; *set_aside* is why earlier measurements were left
    aside.
    """
    observations = anchored(seen, record.request.observed)
    warnings = (*_measured_warnings(observations), _unlike_production(record, recommendation), set_aside)
    output, given = None, record.request.power_tuning
    if given is not None:
        region, outside = record.target.region, record.outside
        output = power_tuning_output(
            record.problem, observations, recommendation, given, region=region, rounds=rounds, outside=outside
        )
    current = recommendation.current
    known = replace(
        known,
        assumptions=(*known.assumptions, *recommendation.notes, *(() if output is None else output.notes)),
        warnings=(*known.warnings, *(each for each in warnings if each is not None)),
        versions={**known.versions, **versions},
    )
    return Answer(
        **_fields(known),
        verdict=recommendation.verdict,
        recommended=recommendation.recommended,
        current=None if current is None else replace(current, assumed=record.assumed_size),
        safer=recommendation.safer,
        saving_ratio=recommendation.saving_ratio,
        decision=_decision(recommendation.decision, assumed=record.assumed_size),
        probability=recommendation.probability,
        confidence=recommendation.confidence,
        stopped_because=recommendation.stopped_because,
        drift=recommendation.drift,
        configurations=tuple(
            sorted(recommendation.configurations, key=lambda row: (row.candidate.architecture, row.candidate.memory_mb))
        ),
        cold_starts=_cold_starts(observations, recommendation) if record.request.cold_starts else None,
        monthly=_monthly(record, recommendation),
        batches=tuple(batch for batches in rounds for batch in batches),
        power_tuning=output,
        explanation=explanation,
        warm_start=recommendation.warm_start,
        goal_alternatives=None if alternatives is None else _with_savings(alternatives, recommendation),
    )


def restored_proof(restored: Restored) -> RestoredProof:
    """What was checked after the run; what could not be compared is only named."""
    return RestoredProof(
        complete=restored.complete,
        checked_at=restored.checked_at,
        checks=tuple(check for check in restored.checks if check.same is not None),
        not_compared=tuple(check.what for check in restored.checks if check.same is None),
        changes=restored.changes,
        removed=restored.removed,
        remaining=restored.remaining,
    )


def _fields(known: KnownRun) -> dict[str, Any]:
    return {field.name: getattr(known, field.name) for field in dataclasses.fields(KnownRun)}


def _assumptions(record: RunRecord) -> tuple[str, ...]:
    assumptions = list(record.assumptions)
    if record.request.observed is not None:
        observed = record.request.observed
        assumptions.append(
            f"Durations are scaled so that {observed.memory_mb} MB takes {observed.duration_ms:g} ms, "
            "as you observed on AWS."
        )
    if record.request.cpu_time:
        assumptions.append("The CPU time of each invocation was an observation of its own.")
    return tuple(assumptions)


def _measured_warnings(observations: Sequence[Observation]) -> list[str]:
    disturbed = disturbance_sentence(observations)
    return [*([] if disturbed is None else [disturbed]), *error_sentences(observations)]


def _unlike_production(record: RunRecord, recommendation: Recommendation) -> str | None:
    median = None if recommendation.current is None else recommendation.current.duration_ms.get("p50")
    if record.traffic is None or median is None or record.where == "local":
        return None
    return unlike_production(record.traffic, median.estimate)


def unlike_production(traffic: Traffic, measured_p50_ms: float | None) -> str | None:
    """Say that the payload is evidently not what production sees; ``None`` if it may be.

    Example:
        >>> unlike_production(Traffic(100, p50_ms=100.0), 150.0) is None
        True
    """
    if not traffic.p50_ms or not measured_p50_ms:
        return None
    if traffic.p50_ms / _LIKE_PRODUCTION <= measured_p50_ms <= traffic.p50_ms * _LIKE_PRODUCTION:
        return None
    return (
        f"Half of production's invocations in the last {traffic.days} days took up to {traffic.p50_ms:,.4g} ms; half "
        f"of those measured at today's size took up to {measured_p50_ms:,.4g} ms. The payload does not look like "
        "production's. Tune with events from production before changing anything."
    )


def _left_undone(record: RunRecord) -> tuple[str, ...]:
    if len({candidate.architecture for candidate in record.problem.candidates}) > 1:
        return ()
    other = "x86_64" if record.target.architecture == "arm64" else "arm64"
    return (f"{other} was not tried: the request names no architecture besides the function's own.",)


def _unmeasurable(outside: Sequence[Outside]) -> tuple[Unmeasurable, ...]:
    by_reason: dict[str, list[int]] = {}
    for row in outside:
        by_reason.setdefault(row.reason, []).append(row.memory_mb)
    return tuple(Unmeasurable(tuple(sizes), reason) for reason, sizes in by_reason.items())


def _prices(problem: SearchProblem, region: str) -> Prices:
    rows = price_rows("AWSLambda", "duration", region, problem.current.architecture)
    return Prices(
        region=region,
        seen_on=rows[0].as_of if rows else None,
        architectures={
            architecture: UnitPrices(prices.usd_per_gb_second, round(prices.usd_per_request * 1e6, 9))
            for architecture, prices in problem.prices.items()
        },
    )


def _traffic(traffic: Traffic | None) -> ProductionTraffic | None:
    if traffic is None:
        return None
    percentiles = TrafficPercentiles(traffic.p50_ms, traffic.p95_ms)
    return ProductionTraffic(traffic.days, traffic.invocations, percentiles, traffic.cost_usd)


def _snap_start(
    problem: SearchProblem, observations: Sequence[Observation], uninvoked: Sequence[Candidate]
) -> SnapStartUse | None:
    if problem.snapshot_prices is None:
        return None
    return SnapStartUse(
        len(clones_of(observations)) + len(uninvoked),
        len(restores_of(observations)),
        snapshot_fees_usd(problem, observations, uninvoked),
    )


def _decision(decision: KeepOrChange | None, *, assumed: bool) -> KeepOrChange | None:
    """A size that is only assumed is no reason to stay with it."""
    if decision is not None and assumed and decision.reason == "within_tolerance":
        return replace(decision, action="change", reason="assumed")
    return decision


def _cold_starts(observations: Sequence[Observation], recommendation: Recommendation) -> tuple[ColdStartSummary, ...]:
    """The cold starts at today's size and at the recommended one: their count, and what they took.

    A cold caller waits for both, init and duration; a start whose init ran
    again inside the duration has no init of its own.
    """
    sizes = [row.candidate for row in (recommendation.current, recommendation.recommended) if row is not None]
    rows = []
    for candidate in dict.fromkeys(sizes):
        cold = [each for each in invocations_of(observations, candidate) if each.cold and each.outcome == "ok"]
        init_ms = _median_and_most([row.init_ms for row in cold if row.init_ms is not None])
        duration_ms = _median_and_most([row.duration_ms for row in cold if row.duration_ms is not None])
        rows.append(ColdStartSummary(candidate, len(cold), init_ms, duration_ms))
    return tuple(rows)


def _median_and_most(samples_ms: Sequence[float]) -> MedianAndMost | None:
    return MedianAndMost(percentile(samples_ms, 50), max(samples_ms)) if samples_ms else None


def _monthly(record: RunRecord, recommendation: Recommendation) -> MonthlyCost | None:
    """What a month of production costs now and then; ``None`` if its traffic is not known."""
    invocations = record.problem.monthly_invocations
    if not invocations:
        return None

    def month_usd(row: ConfigurationEstimate | None) -> float | None:
        cost = None if row is None else row.cost_per_million_usd
        return None if cost is None else cost.estimate * invocations / 1e6

    now_usd, then_usd = month_usd(recommendation.current), month_usd(recommendation.recommended)
    return MonthlyCost(
        invocations,
        "cloudwatch" if record.request.monthly_invocations is None else "request",
        now_usd,
        then_usd,
        None if now_usd is None or then_usd is None else now_usd - then_usd,
    )


def _with_savings(alternatives: GoalAlternatives, recommendation: Recommendation) -> GoalAlternatives:
    """Add what each choice would save against today's configuration.

    Its intervals are those of the recommendation's own rows, which are widened where the run drifted.
    """
    now = None if recommendation.current is None else recommendation.current.cost_per_million_usd
    key = f"p{alternatives.percentile:g}"
    shown = {row.candidate: row for row in recommendation.configurations}
    return replace(
        alternatives,
        choices=tuple(
            replace(
                row,
                duration_ms=shown[row.candidate].duration_ms.get(key, row.duration_ms),
                cost_per_million_usd=shown[row.candidate].cost_per_million_usd or row.cost_per_million_usd,
                saving_ratio=None if now is None else 1 - row.cost_per_million_usd.estimate / now.estimate,
            )
            for row in alternatives.choices
        ),
    )
