"""The best size while a run goes on: what the samples alone say, for the progress line.

The run's own answer comes from its model, at its end. Until then this is no
more than what was seen: a size whose slowest warm invocation meets the goal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from tuner.core.measurement.disturbance import is_left_out
from tuner.core.model import Candidate, Observation, SearchProblem, invocations_of
from tuner.core.money.pricing import candidate_cost_usd


@dataclass(frozen=True, slots=True)
class BestSoFar:
    """A size, and what its warm invocations took."""

    candidate: Candidate
    slowest_ms: float
    cost_per_million_usd: float


def best_so_far(problem: SearchProblem, observations: Sequence[Observation]) -> BestSoFar | None:
    """Choose the cheapest size of those whose every invocation succeeded and met the goal.

    Observations are scaled already where there is an anchor.
    """
    too_disturbed = is_left_out(observations)
    found = []
    for candidate in dict.fromkeys(observation.candidate for observation in observations):
        invocations = invocations_of(observations, candidate)
        warm = [
            (each.duration_ms, each.billed_ms)
            for each in invocations
            if not (each.cold or each.duration_ms is None or each.billed_ms is None or too_disturbed(each))
        ]
        if not warm or any(each.outcome not in {"ok", "unmeasured"} for each in invocations):
            continue
        slowest_ms = max(duration_ms for duration_ms, _ in warm)
        if problem.goal is None or slowest_ms <= problem.goal.limit_ms:
            cost_usd = fmean(candidate_cost_usd(problem, candidate, billed_ms) for _, billed_ms in warm)
            found.append(BestSoFar(candidate, slowest_ms, cost_usd * 1e6))
    return min(found, key=lambda best: best.cost_per_million_usd, default=None)
