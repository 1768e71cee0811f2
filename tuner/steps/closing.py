"""What is measured when the search has ended: a look for drift, and the cold starts that the request asks for."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from tuner.aws.artifacts import RunArtifacts
from tuner.core.errors import NothingMeasured
from tuner.core.measurement.anchor import anchored
from tuner.core.measurement.cold_starts import FIRST_TRIAL, cold_start_batches
from tuner.core.measurement.drift import DRIFT_INVOCATIONS, estimate_drift
from tuner.core.model import Batch, Candidate, Observation, RunContext, invocations_of
from tuner.core.money.pricing import clone_cost_usd, worst_usd
from tuner.core.money.spending import spent_usd
from tuner.core.run.bucket_layout import SEARCH, STOP
from tuner.core.run.record import RunRecord, without_cold_starts
from tuner.core.search import fit_run, recommend
from tuner.steps.earlier import load_earlier
from tuner.steps.run import memory_cap_mb

_LEAST_INVOCATIONS = 12
"""A run of fewer is too short for a drift to be worth three more."""


def closing_batches(
    artifacts: RunArtifacts,
    record: RunRecord,
    observations: Sequence[Observation],
    *,
    round_number: int,
    elapsed_minutes: float,
) -> tuple[Batch, ...]:
    """Ask for the next batches after the search, within what it left of the budget.

    Returns:
        The batches; none: there is nothing left to do, no budget for it, or
        the user asked the run to end.
    """
    if record.request.dry_run or artifacts.find(STOP) is not None:
        return ()
    left_minutes = record.request.budget.max_minutes - elapsed_minutes
    drift = _drift_batch(record, observations, round_number)
    wanted = drift or _cold_starts(artifacts, record, observations, round_number)
    left_usd = record.request.budget.max_cost_usd - spent_usd(record.problem, observations)
    usd_by_batch = accumulate(_batch_usd(record, batch) for batch in wanted)
    minutes_by_batch = accumulate(batch.invocation_count * record.problem.worst_ms / 60_000 for batch in wanted)
    return tuple(
        batch
        for batch, usd, minutes in zip(wanted, usd_by_batch, minutes_by_batch, strict=True)
        if usd <= left_usd and minutes <= left_minutes
    )


def _batch_usd(record: RunRecord, batch: Batch) -> float:
    # What looks for a drift goes to a clone that is there.
    fresh_usd = clone_cost_usd(record.problem, batch.candidate) if batch.purpose == "cold_start" else 0.0
    return fresh_usd + batch.invocation_count * worst_usd(record.problem, batch.candidate)


def _drift_batch(record: RunRecord, observations: Sequence[Observation], round_number: int) -> tuple[Batch, ...]:
    if record.problem.design is not None or any(observation.purpose != "search" for observation in observations):
        return ()
    made = sum(len(observation.invocations) for observation in observations)
    first = observations[0] if observations else None
    if (
        first is None
        or not _LEAST_INVOCATIONS <= made <= record.problem.budget.max_invocations - DRIFT_INVOCATIONS
        or estimate_drift(observations) is not None
        or not _runs(first.candidate, observations)
    ):
        return ()
    reason = "looks whether the size that was measured first takes as long as it did"
    return (Batch(round_number, FIRST_TRIAL, first.candidate, DRIFT_INVOCATIONS, 1, reason, purpose="drift"),)


def _cold_starts(
    artifacts: RunArtifacts, record: RunRecord, observations: Sequence[Observation], round_number: int
) -> tuple[Batch, ...]:
    if not record.request.cold_starts:
        return ()
    context = RunContext(memory_cap_mb=memory_cap_mb(artifacts), earlier=load_earlier(artifacts).runs)
    try:
        run_fit = fit_run(record.problem, anchored(without_cold_starts(observations), record.request.observed), context)
        recommendation = recommend(run_fit, stop_reason=artifacts.read(SEARCH)["stop_reason"])
    except NothingMeasured:
        return ()  # the next step says why
    sizes = [record.problem.current, recommendation.recommended.candidate]
    return cold_start_batches(
        record.request.cold_starts,
        [candidate for candidate in sizes if _runs(candidate, observations)],
        observations,
        round_number=round_number,
        parallel=record.problem.max_parallel,
    )


def _runs(candidate: Candidate, observations: Sequence[Observation]) -> bool:
    """Whether an invocation at this size has succeeded, and none has failed."""
    outcomes = {invocation.outcome for invocation in invocations_of(observations, candidate)}
    return "ok" in outcomes and outcomes <= {"ok", "unmeasured"}
