"""The decision under a fit: pick, verdict and probabilities, and whether today's configuration is kept."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tuner.core.answer.keep_or_change import KEPT, decision_reason
from tuner.core.answer.recommendation import Interval, KeepOrChange, Probability
from tuner.core.answer.verdicts import Verdict
from tuner.core.model import LatencyGoal, SearchProblem
from tuner.core.search.fit import Fit
from tuner.core.search.loss import NEAR_FASTEST_RATIO, cheapest_meeting_usd, within_strategy
from tuner.core.search.prediction import intervals_of, slowest_ms
from tuner.core.search.space import FloatArray

PROVABLE_EXCEEDANCES = 0.15
"""Expected samples beyond the percentile, over all sizes, under which only the assumed tail speaks of it."""

FAR_ABOVE_RATIO = 1.5
"""A size with so much more memory than any that ran may yet be faster."""
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


def decide(problem: SearchProblem, fit: Fit) -> Decision:
    """Pick, verdict, the safer candidate if one is needed, and the probabilities."""
    pick, prediction, goal = fit.pick, fit.prediction, problem.goal
    by_cost = goal is not None or problem.strategy == "cost"
    within: dict[float, float | None] = dict.fromkeys(_RATIOS)
    if by_cost:
        best_usd = cheapest_meeting_usd(prediction, goal, fit.allowed)
        cost_usd = prediction.cost_per_million_usd[:, pick]
        # A size that misses the goal is not near the cheapest that meets it, however little it costs.
        near = True if fit.met is None or fit.unreachable is None else fit.met[:, pick] + fit.unreachable > 0
        within = {ratio: float(((cost_usd <= best_usd * (1 + ratio)) & near).mean()) for ratio in _RATIOS}
        within_tolerance = float((cost_usd <= best_usd * (1 + problem.tolerance)).mean())
    else:
        within_tolerance = within_strategy(problem, fit.loss, prediction, fit.allowed, pick)
    met = fit.met.mean(axis=0) if fit.met is not None else None
    unreachable = float(fit.unreachable.mean()) if fit.unreachable is not None else 0.0
    estimate_ms = None if prediction.percentile_ms is None else float(prediction.estimate_ms[pick])
    verdict, confidence = verdict_of(
        goal,
        confidence=problem.confidence,
        met=None if met is None else float(met[pick]),
        unreachable=unreachable,
        estimate_ms=estimate_ms,
        within_tolerance=within_tolerance,
        provable=_is_provable(problem, fit),
        fastest_seen=unseen_fastest(fit) is None,
    )
    safer = None
    if met is not None and verdict == "UNCERTAIN":
        reaching = np.flatnonzero(fit.allowed & (met >= problem.confidence))
        if len(reaching):
            cost = prediction.cost_per_million_usd.mean(axis=0)
            safer = int(reaching[np.argmin(cost[reaching])])
    return Decision(
        pick=pick,
        verdict=verdict,
        confidence=confidence,
        goal_probability=met,
        safer=safer if safer != pick else None,
        probability=Probability(
            goal_met=None if met is None else float(met[pick]),
            no_size_meets=None if fit.unreachable is None else unreachable,
            within_3_percent=within[0.03],
            within_5_percent=within[0.05],
            within_10_percent=within[0.10],
        ),
    )


def verdict_of(
    goal: LatencyGoal | None,
    *,
    confidence: float,
    met: float | None,
    unreachable: float,
    estimate_ms: float | None,
    within_tolerance: float,
    provable: bool = True,
    fastest_seen: bool = True,
) -> tuple[Verdict, float]:
    """The verdict and its own probability: met or out of reach with the asked confidence, else uncertain.

    Args:
        goal: None makes it ``NO_GOAL``, whose confidence is that of the cost.
        confidence: What the user asked for.
        met: Probability that the pick meets the goal.
        unreachable: Probability that no candidate does.
        estimate_ms: The pick's estimate of the goal's percentile; ``GOAL_MET``
            never comes with one over the limit.
        within_tolerance: Probability that the pick's cost is within the tolerance of the best.
        provable: False where the percentile is so far out that only the assumed tail speaks of it.
        fastest_seen: Whether the fastest size ran warm in this run; ``GOAL_NOT_MET`` is never said without.
    """
    if goal is None or met is None or estimate_ms is None:
        return "NO_GOAL", within_tolerance
    if met >= confidence and estimate_ms <= goal.limit_ms and provable:
        return "GOAL_MET", met
    if unreachable >= confidence and estimate_ms > goal.limit_ms and fastest_seen:
        return "GOAL_NOT_MET", unreachable
    return "UNCERTAIN", max(met, unreachable)


def unseen_fastest(fit: Fit) -> int | None:
    """The candidate that is fastest at the goal's percentile, unless one as fast ran warm in this run.

    A size far above all that ran counts as unseen: more threads may use what it has more of.
    """
    if fit.prediction.percentile_ms is None:
        return None
    estimate_ms = np.where(fit.allowed, fit.prediction.estimate_ms, np.inf)
    as_fast = estimate_ms <= estimate_ms.min() * (1 + NEAR_FASTEST_RATIO)
    seen = fit.samples.own_warm_counts > 0
    if not (as_fast & seen).any():
        return int(np.argmin(estimate_ms))
    log_memory = np.where(fit.allowed, fit.space.log_memory, -np.inf)
    largest = int(np.argmax(log_memory))
    far = seen.any() and log_memory[largest] > fit.space.log_memory[seen].max() + math.log(FAR_ABOVE_RATIO)
    return largest if far else None


def _is_provable(problem: SearchProblem, fit: Fit) -> bool:
    """Whether data, and not the assumed tail alone, can speak of the goal's percentile."""
    if problem.goal is None:
        return True
    exceedances = fit.samples.warm_count * (1 - problem.goal.percentile / 100)
    if exceedances >= PROVABLE_EXCEEDANCES:
        return True
    # Far from the limit even the slowest tail that was ever assumed does not matter.
    slow_ms = slowest_ms(fit.prediction.draws, fit.pick)
    return bool((slow_ms <= problem.goal.limit_ms).mean() >= problem.confidence)


def keep_or_change(problem: SearchProblem, fit: Fit, decision: Decision) -> KeepOrChange:
    """Decide under a fit whose pick and verdict are known."""
    today, pick = fit.space.index_of(problem.current), decision.pick
    met = decision.goal_probability
    met_today = None if met is None else float(met[today])
    sure = met_today is None or met_today >= problem.confidence
    saving = None if today == pick else _saving(fit, today, pick)
    worth = None if saving is None else _worth(problem, fit, saving, today, pick, sure=sure)
    reason = decision_reason(
        decision.verdict,
        same=today == pick,
        usable=problem.current not in fit.reasons,
        met_today=met_today,
        met_pick=None if met is None else float(met[pick]),
        confidence=problem.confidence,
        worth_ratio=worth,
        tolerance=problem.tolerance,
        clear=saving is None or saving.low > 0,
        by_cost=problem.goal is not None or problem.strategy == "cost",
    )
    return KeepOrChange("keep" if reason in KEPT else "change", reason, worth, saving)


def _saving(fit: Fit, today: int, pick: int) -> Interval:
    """What the change saves, over the draws: both costs share most of what is unknown."""
    cost = fit.prediction.cost_per_million_usd
    return intervals_of((1 - cost[:, pick] / cost[:, today])[:, None])[0]


def _worth(problem: SearchProblem, fit: Fit, saving: Interval, today: int, pick: int, *, sure: bool) -> float | None:
    """The saving if today's size is as sure as was asked for; else what is lost less, a missed goal included."""
    if sure and (problem.goal is not None or problem.strategy == "cost"):
        return saving.estimate
    lost_today, lost_then = (float(np.mean(fit.loss[:, index])) for index in (today, pick))
    return 1 - (1 + lost_then) / (1 + lost_today) if math.isfinite(lost_today) else None
