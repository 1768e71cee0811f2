"""Recommend: the search's answer, kept for the report."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tuner.aws.artifacts import RunArtifacts
from tuner.core.answer.recommendation import WarmStart
from tuner.core.codec import to_json
from tuner.core.measurement.anchor import anchored
from tuner.core.measurement.drift import estimate_drift, with_drift
from tuner.core.model import RunContext
from tuner.core.run.bucket_layout import ALTERNATIVES, DECISION, EXPLANATION, SEARCH
from tuner.core.run.record import observations_of, without_cold_starts
from tuner.core.search import explain, fit_run, goal_alternatives, recommend
from tuner.steps.earlier import load_earlier
from tuner.steps.progress import report_progress
from tuner.steps.run import load_journals, load_record, memory_cap_mb


def recommend_for(artifacts: RunArtifacts) -> str:
    """Choose, and write ``decision.json``, ``explanation.json`` and, for other limits, ``alternatives.json``.

    A dry run has nothing to choose.

    Returns:
        The verdict.

    Raises:
        NothingMeasured: No size gave a usable duration; gives every reason.
    """
    record = load_record(artifacts)
    if record.request.dry_run:
        return "DRY_RUN"
    # The state machine bounds the number of rounds: past it, the search has not given a reason of its own.
    search: dict[str, Any] = artifacts.find(SEARCH) or {"stop_reason": "The run reached its bound of rounds."}
    observations = anchored(without_cold_starts(observations_of(load_journals(artifacts))), record.request.observed)
    earlier = load_earlier(artifacts)
    context = RunContext(memory_cap_mb=memory_cap_mb(artifacts), earlier=earlier.runs)
    run_fit = fit_run(record.problem, observations, context)
    recommendation = recommend(run_fit, stop_reason=search["stop_reason"])
    if not earlier.runs:
        recommendation = replace(recommendation, warm_start=WarmStart(used=False, reason=earlier.reason))
    recommendation = with_drift(recommendation, estimate_drift(observations))
    alternatives = goal_alternatives(run_fit)
    explanation = explain(run_fit)
    if explanation is not None:
        artifacts.write(EXPLANATION, to_json(explanation))
    if alternatives is not None:
        artifacts.write(ALTERNATIVES, to_json(alternatives))
    artifacts.write(DECISION, to_json(recommendation))
    report_progress(artifacts, state="Recommend", message=recommendation.stopped_because)
    return recommendation.verdict
