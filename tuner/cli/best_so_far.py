"""The best size while a run goes on: what the samples alone say, for the progress line.

The run's own answer comes from its model, at its end. Until then this is no
more than what was seen: a size whose slowest warm invocation meets the goal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tuner.core.measurement.anchor import anchored
from tuner.core.measurement.disturbance import is_left_out
from tuner.core.model import Candidate, Invocation, Observation, SearchProblem
from tuner.core.money.pricing import cost_per_million_usd


def best_so_far(problem: SearchProblem, observations: Sequence[Observation]) -> dict[str, Any] | None:
    """Choose the cheapest size of those whose every invocation succeeded and met the goal.

    Args:
        problem: The run's goal and prices.
        observations: What was measured so far, already scaled where there is an anchor.

    Returns:
        ``memoryMb``, ``architecture``, ``samples``, ``slowestMs`` and
        ``costPerMillionUsd``; ``None`` where no size does so yet.
    """
    seen: dict[Candidate, list[Invocation]] = {}
    for observation in observations:
        seen.setdefault(observation.candidate, []).extend(observation.invocations)
    too_disturbed = is_left_out(observations)
    found = [
        row
        for candidate, invocations in seen.items()
        if (row := _row(problem, candidate, invocations, too_disturbed)) is not None
        and (problem.goal is None or row["slowestMs"] <= problem.goal.limit_ms)
    ]
    return min(found, key=lambda row: row["costPerMillionUsd"], default=None)


def read_best_so_far(artifacts: Any) -> dict[str, Any] | None:
    """Read a run's objects and choose; ``None`` before anything was measured.

    Args:
        artifacts: The run's objects, ``tuner.aws.artifacts.RunArtifacts``.
    """
    from tuner.core.run.journal import observations_of
    from tuner.steps.run import load_journals, load_record

    record = load_record(artifacts)
    observations = observations_of(load_journals(artifacts))
    return best_so_far(record.problem, anchored(observations, record.request.observed))


def _row(
    problem: SearchProblem,
    candidate: Candidate,
    invocations: Sequence[Invocation],
    too_disturbed: Callable[[Invocation], bool],
) -> dict[str, Any] | None:
    if any(invocation.outcome not in {"ok", "unmeasured"} for invocation in invocations):
        return None
    warm = [
        (invocation.duration_ms, invocation.billed_ms)
        for invocation in invocations
        if not invocation.cold
        and invocation.duration_ms is not None
        and invocation.billed_ms is not None
        and not too_disturbed(invocation)
    ]
    if not warm:
        return None
    return {
        "memoryMb": candidate.memory_mb,
        "architecture": candidate.architecture,
        "samples": len(warm),
        "slowestMs": max(duration_ms for duration_ms, _ in warm),
        "costPerMillionUsd": cost_per_million_usd(
            candidate.memory_mb,
            [billed_ms for _, billed_ms in warm],
            problem.prices[candidate.architecture],
            problem.ephemeral_storage_mb,
        ),
    }
