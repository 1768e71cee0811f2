"""The pick and the verdict: the same for the run, the report and the benchmark."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tuner.core.model import LatencyGoal, Verdict
from tuner.core.search.outlook import Outlook
from tuner.core.search.slices import CACHED, slices
from tuner.core.search.space import BoolArray, FloatArray

MISS_LOSS = 0.6
"""A missed goal weighs as much as 60 % extra cost."""
FAR_MISS_LOSS = 0.4
"""Added where it is missed by more than FAR_MISS_RATIO."""
FAR_MISS_RATIO = 0.05
NEAR_FASTEST_RATIO = 0.02
"""A size that is slower by no more is as fast as the fastest."""


def losses(outlook: Outlook, goal: LatencyGoal | None, allowed: BoolArray) -> FloatArray:
    """Draws × candidates: what recommending each candidate would lose in each draw.

    Extra cost over the cheapest that meets the goal, plus the price of a
    missed goal. Where no candidate meets the goal, the loss is how far the
    candidate is from the fastest, and a little of its cost.
    """
    cost, percentile_ms = outlook.cost_per_million_usd, outlook.percentile_ms
    result = np.empty_like(cost)
    # Draw by draw: the same numbers as all at once, in a third of the time.
    for some in slices(len(cost), cost.shape[1], CACHED):
        if goal is None or percentile_ms is None:
            result[some] = _extra_cost(cost[some], allowed)
        else:
            result[some] = _goal_losses(cost[some], percentile_ms[some], goal.limit_ms, allowed)
    return result


def _extra_cost(cost: FloatArray, allowed: BoolArray) -> FloatArray:
    cheapest = np.where(allowed, cost, np.inf).min(axis=1, keepdims=True)
    return np.asarray(np.where(allowed, cost / cheapest - 1, np.inf))


def _goal_losses(cost: FloatArray, percentile_ms: FloatArray, limit_ms: float, allowed: BoolArray) -> FloatArray:
    masked = np.where(allowed, cost, np.inf)
    over = percentile_ms / limit_ms
    over -= 1
    missed = over > 0
    meeting = np.where(missed, np.inf, masked).min(axis=1, keepdims=True)
    possible = np.isfinite(meeting)
    # In place: it is called for each limit of the what-if, and new arrays would take half of its time.
    loss = cost / np.where(possible, meeting, 1.0)
    loss -= 1
    np.maximum(loss, 0.0, out=loss)
    loss += MISS_LOSS * missed
    loss += FAR_MISS_LOSS * (over > FAR_MISS_RATIO)
    if not possible.all():
        fastest = np.where(allowed, percentile_ms, np.inf).min(axis=1, keepdims=True)
        slower = percentile_ms / fastest - 1
        cheapest_fast = np.where(slower <= NEAR_FASTEST_RATIO, masked, np.inf).min(axis=1, keepdims=True)
        dearer = np.maximum(cost / np.where(np.isfinite(cheapest_fast), cheapest_fast, 1.0) - 1, 0.0)
        unreachable = 4 * np.maximum(slower - NEAR_FASTEST_RATIO, 0.0) + 0.25 * dearer
        loss = np.where(possible, loss, unreachable)
    loss[:, ~allowed] = np.inf
    return loss


def choose_cheapest_meeting(expected_loss: FloatArray, is_round: BoolArray, rounding_loss: float) -> int:
    """The candidate of least expected loss, rounded to a size that people type where that loses next to nothing.

    Not the cheapest whose probability passes a threshold: that was measured to
    double the 90th percentile of extra cost with no fewer misses. Of two that
    are equal, the smaller.

    Args:
        expected_loss: One a candidate; infinite where it is not allowed.
        is_round: Which candidates are sizes that people type.
        rounding_loss: What rounding may lose.

    Example:
        >>> choose_cheapest_meeting(np.array([0.3, 0.1, 0.102]), np.array([True, False, True]), 0.0025)
        2
    """
    best = int(np.argmin(expected_loss))
    rounded = np.where(is_round, expected_loss, np.inf)
    nearest = int(np.argmin(rounded))
    return nearest if rounded[nearest] <= expected_loss[best] + rounding_loss else best


def cheapest_meeting_usd(outlook: Outlook, goal: LatencyGoal | None, allowed: BoolArray) -> FloatArray:
    """Draws: what a million invocations cost at the cheapest candidate that meets the goal, or at the cheapest."""
    cost, percentile_ms = outlook.cost_per_million_usd, outlook.percentile_ms
    result = np.empty(len(cost))
    for some in slices(len(cost), cost.shape[1], CACHED):
        possible = np.where(allowed, cost[some], np.inf)
        if goal is not None and percentile_ms is not None:
            meeting = np.where(percentile_ms[some] <= goal.limit_ms, possible, np.inf)
            # Where nothing meets the goal there is nothing cheaper to prefer.
            possible = np.where(np.isfinite(meeting.min(axis=1, keepdims=True)), meeting, np.inf)
        result[some] = possible.min(axis=1)
    return result


@dataclass(frozen=True)
class Judgement:
    """A verdict with its own probability."""

    verdict: Verdict
    confidence: float


def judge(
    goal: LatencyGoal | None,
    *,
    confidence: float,
    met: float | None,
    unreachable: float,
    estimate_ms: float | None,
    within_tolerance: float,
    provable: bool = True,
    fastest_seen: bool = True,
) -> Judgement:
    """The verdict: met or out of reach with the asked confidence, else uncertain.

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
        return Judgement("NO_GOAL", within_tolerance)
    if met >= confidence and estimate_ms <= goal.limit_ms and provable:
        return Judgement("GOAL_MET", met)
    if unreachable >= confidence and estimate_ms > goal.limit_ms and fastest_seen:
        return Judgement("GOAL_NOT_MET", unreachable)
    return Judgement("UNCERTAIN", max(met, unreachable))
