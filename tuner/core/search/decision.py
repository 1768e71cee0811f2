"""The decision under a belief: pick, verdict and probabilities, without the prose and the tables."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tuner.core.model import Probability, SearchProblem, Verdict
from tuner.core.search import choice
from tuner.core.search.belief import Belief
from tuner.core.search.outlook import slowest_ms
from tuner.core.search.space import FloatArray
from tuner.core.search.strategy import within_strategy

PROVABLE_EXCEEDANCES = 0.15
"""Expected samples beyond the percentile, over all sizes, under which only the assumed tail speaks of it."""

_RATIOS = (0.03, 0.05, 0.10)


@dataclass(frozen=True)
class Decision:
    """What the run answers."""

    pick: int
    verdict: Verdict
    confidence: float
    goal_probability: FloatArray | None
    """For each candidate; None without a goal."""
    safer: int | None
    probability: Probability


def decide(problem: SearchProblem, belief: Belief) -> Decision:
    """Pick, verdict, the safer candidate where one is needed, and the probabilities."""
    pick, outlook, goal = belief.pick, belief.outlook, problem.goal
    by_cost = goal is not None or problem.strategy == "cost"
    within: dict[float, float | None] = dict.fromkeys(_RATIOS)
    if by_cost:
        best_usd, cost_usd = (
            choice.cheapest_meeting_usd(outlook, goal, belief.allowed),
            outlook.cost_per_million_usd[:, pick],
        )
        within = {ratio: float((cost_usd <= best_usd * (1 + ratio)).mean()) for ratio in _RATIOS}
        within_tolerance = float((cost_usd <= best_usd * (1 + problem.tolerance)).mean())
    else:
        within_tolerance = within_strategy(problem, belief.loss, outlook, belief.allowed, pick)
    met = belief.met.mean(axis=0) if belief.met is not None else None
    unreachable = float(belief.unreachable.mean()) if belief.unreachable is not None else 0.0
    estimate_ms = None if outlook.percentile_ms is None else float(outlook.estimate_ms[pick])
    judgement = choice.judge(
        goal,
        confidence=problem.confidence,
        met=None if met is None else float(met[pick]),
        unreachable=unreachable,
        estimate_ms=estimate_ms,
        within_tolerance=within_tolerance,
        provable=_is_provable(problem, belief),
        fastest_seen=unseen_fastest(belief) is None,
    )
    safer = None
    if met is not None and judgement.verdict == "UNCERTAIN":
        reaching = np.flatnonzero(belief.allowed & (met >= problem.confidence))
        if len(reaching):
            cost = outlook.cost_per_million_usd.mean(axis=0)
            safer = int(reaching[np.argmin(cost[reaching])])
    return Decision(
        pick=pick,
        verdict=judgement.verdict,
        confidence=judgement.confidence,
        goal_probability=met,
        safer=safer if safer != pick else None,
        probability=Probability(
            goal_met=None if met is None else float(met[pick]),
            no_size_meets=None if belief.unreachable is None else unreachable,
            within_3_percent=within[0.03],
            within_5_percent=within[0.05],
            within_10_percent=within[0.10],
        ),
    )


def unseen_fastest(belief: Belief) -> int | None:
    """The candidate that is fastest at the goal's percentile, unless one as fast ran warm in this run."""
    if belief.outlook.percentile_ms is None:
        return None
    estimate_ms = np.where(belief.allowed, belief.outlook.estimate_ms, np.inf)
    as_fast = estimate_ms <= estimate_ms.min() * (1 + choice.NEAR_FASTEST_RATIO)
    seen = belief.evidence.own_warm_counts(len(estimate_ms)) > 0
    return None if (as_fast & seen).any() else int(np.argmin(estimate_ms))


def _is_provable(problem: SearchProblem, belief: Belief) -> bool:
    """Whether data, and not the assumed tail alone, can speak of the goal's percentile."""
    if problem.goal is None:
        return True
    exceedances = belief.evidence.warm_count * (1 - problem.goal.percentile / 100)
    if exceedances >= PROVABLE_EXCEEDANCES:
        return True
    # Far from the limit even the slowest tail that was ever assumed does not matter.
    slow_ms = slowest_ms(belief.outlook.draws, belief.pick)
    return bool((slow_ms <= problem.goal.limit_ms).mean() >= problem.confidence)
