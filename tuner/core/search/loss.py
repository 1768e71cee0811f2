"""What a recommendation loses in a world where all durations are known, and the pick of least expected loss.

With a goal, it is extra cost and missed goals. Without one it follows from what
is looked for: the cheapest size, the fastest, or a balance of both. The pick of
the last two follows from the estimates that the report shows, so that a reader
can do it again; what a next batch is worth follows from losses over all draws,
like the goal's.
"""

from __future__ import annotations

import numpy as np

from tuner.core.model import LatencyGoal, SearchProblem
from tuner.core.search.prediction import Prediction, mean_of
from tuner.core.search.space import CACHED, BoolArray, FloatArray, slices

MISS_LOSS = 0.6
"""A missed goal weighs as much as 60 % extra cost."""
FAR_MISS_LOSS = 0.4
"""Added where it is missed by more than FAR_MISS_RATIO."""
FAR_MISS_RATIO = 0.05
NEAR_FASTEST_RATIO = 0.02
"""A size that is slower by no more is as fast as the fastest."""


def losses(prediction: Prediction, goal: LatencyGoal | None, allowed: BoolArray) -> FloatArray:
    """Draws × candidates: what recommending each candidate would lose in each draw.

    Extra cost over the cheapest that meets the goal, plus the price of a
    missed goal. If no candidate meets the goal, the loss is how far the
    candidate is from the fastest, and a little of its cost.
    """
    cost, percentile_ms = prediction.cost_per_million_usd, prediction.percentile_ms
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
        extra = np.maximum(cost / np.where(np.isfinite(cheapest_fast), cheapest_fast, 1.0) - 1, 0.0)
        unreachable = 4 * np.maximum(slower - NEAR_FASTEST_RATIO, 0.0) + 0.25 * extra
        loss = np.where(possible, loss, unreachable)
    loss[:, ~allowed] = np.inf
    return loss


def choose_cheapest_meeting(expected_loss: FloatArray, is_round: BoolArray, rounding_loss: float) -> int:
    """The candidate of least expected loss, rounded to a size that people type if that loses next to nothing.

    Not the cheapest whose probability passes a threshold: that was measured to
    double the 90th percentile of extra cost with no fewer misses. Of two that
    are equal, the smaller. *expected_loss* is one a candidate, infinite where it is not allowed; *rounding_loss* is
    what rounding may lose.

    Example:
        >>> choose_cheapest_meeting(np.array([0.3, 0.1, 0.102]), np.array([True, False, True]), 0.0025)
        2
    """
    best = int(np.argmin(expected_loss))
    rounded = np.where(is_round, expected_loss, np.inf)
    nearest = int(np.argmin(rounded))
    return nearest if rounded[nearest] <= expected_loss[best] + rounding_loss else best


def cheapest_meeting_usd(prediction: Prediction, goal: LatencyGoal | None, allowed: BoolArray) -> FloatArray:
    """Draws: what a million invocations cost at the cheapest candidate that meets the goal, or at the cheapest."""
    cost, percentile_ms = prediction.cost_per_million_usd, prediction.percentile_ms
    result = np.empty(len(cost))
    for some in slices(len(cost), cost.shape[1], CACHED):
        possible = np.where(allowed, cost[some], np.inf)
        if goal is not None and percentile_ms is not None:
            meeting = np.where(percentile_ms[some] <= goal.limit_ms, possible, np.inf)
            # If nothing meets the goal, there is nothing cheaper to prefer.
            possible = np.where(np.isfinite(meeting.min(axis=1, keepdims=True)), meeting, np.inf)
        result[some] = possible.min(axis=1)
    return result


SLOWER_WEIGHT = 4.0
"""In the strategy ``speed``, a duration beyond the tolerance weighs so much …"""
EXTRA_COST_WEIGHT = 0.25
"""… and extra cost among sizes that are as fast so much. The ratio is that of an unreachable goal's losses."""


def strategy_losses(
    problem: SearchProblem, prediction: Prediction, allowed: BoolArray
) -> tuple[FloatArray, FloatArray]:
    """What recommending each candidate would lose under ``speed`` or ``balanced``; infinite where it may not be picked.

    Draws × candidates; and, of the estimates, what the pick is the least of, one a candidate.
    """
    duration_ms, cost = mean_of(prediction.draws, prediction.cold), prediction.cost_per_million_usd
    typical_ms, typical_cost = np.median(duration_ms, axis=0), np.median(cost, axis=0)
    if problem.strategy == "speed":
        objective = speed_objective(typical_ms, typical_cost, allowed, problem.tolerance)
        return speed_losses(duration_ms, cost, allowed, problem.tolerance), objective
    weight = problem.balanced_weight
    [objective] = balanced_losses(typical_ms[None], typical_cost[None], allowed, weight)
    return balanced_losses(duration_ms, cost, allowed, weight), objective


def speed_objective(duration_ms: FloatArray, cost: FloatArray, allowed: BoolArray, tolerance: float) -> FloatArray:
    """Extra cost over the cheapest among those that are as fast as the fastest; infinite for all others.

    Durations and costs are one estimate a candidate; *tolerance*: so much slower is as fast.

    Example:
        >>> speed_objective(np.array([200.0, 104.0, 100.0]), np.array([1.0, 2.0, 3.0]),
        ...                 np.array([True, True, True]), 0.05).tolist()
        [inf, 0.0, 0.5]
    """
    fastest = np.where(allowed, duration_ms, np.inf).min()
    as_fast = allowed & (duration_ms <= fastest * (1 + tolerance))
    cheapest = np.where(as_fast, cost, np.inf).min()
    return np.asarray(np.where(as_fast, cost / cheapest - 1, np.inf))


def speed_losses(duration_ms: FloatArray, cost: FloatArray, allowed: BoolArray, tolerance: float) -> FloatArray:
    """How much slower than the fastest beyond the tolerance, and how much more expensive than the cheapest within it.

    Durations and costs are draws × candidates; *tolerance*: so much slower is as fast. What is not *allowed* loses
    infinitely.

    Example:
        >>> speed_losses(np.array([[200.0, 101.0, 100.0]]), np.array([[1.0, 2.0, 4.0]]),
        ...              np.array([True, True, True]), 0.05).round(2).tolist()
        [[3.8, 0.0, 0.25]]
    """
    fastest = np.where(allowed, duration_ms, np.inf).min(axis=1, keepdims=True)
    beyond = np.maximum(duration_ms / fastest - 1 - tolerance, 0.0)
    as_fast = allowed & (beyond == 0)
    cheapest = np.where(as_fast, cost, np.inf).min(axis=1, keepdims=True)
    extra = np.maximum(cost / cheapest - 1, 0.0)
    return np.asarray(np.where(allowed, SLOWER_WEIGHT * beyond + EXTRA_COST_WEIGHT * extra, np.inf))


def balanced_losses(duration_ms: FloatArray, cost: FloatArray, allowed: BoolArray, weight: float) -> FloatArray:
    """How far the weighted sum of cost and duration is from the least one, as a ratio.

    Each is taken as a share of the largest among the allowed candidates, as
    AWS Lambda Power Tuning does (``findBalanced`` in its analyzer): 0 is the
    fastest, 1 the cheapest. Durations and costs are draws × candidates; *weight* is the cost's. What is not *allowed*
    loses infinitely.

    Example:
        >>> balanced_losses(np.array([[200.0, 100.0, 90.0]]), np.array([[1.0, 1.0, 2.0]]),
        ...                 np.array([True, True, True]), 0.5).round(3).tolist()
        [[0.5, 0.0, 0.45]]
    """
    largest_cost = np.where(allowed, cost, 0.0).max(axis=1, keepdims=True)
    longest_ms = np.where(allowed, duration_ms, 0.0).max(axis=1, keepdims=True)
    share = weight * cost / largest_cost + (1 - weight) * duration_ms / longest_ms
    least = np.where(allowed, share, np.inf).min(axis=1, keepdims=True)
    return np.asarray(np.where(allowed, share / least - 1, np.inf))


def within_strategy(
    problem: SearchProblem, loss: FloatArray, prediction: Prediction, allowed: BoolArray, pick: int
) -> float:
    """The probability that the pick is within the tolerance of the best: of the fastest, or of the least sum."""
    if problem.strategy == "speed":
        duration_ms = mean_of(prediction.draws, prediction.cold)
        fastest = np.where(allowed, duration_ms, np.inf).min(axis=1)
        return float((duration_ms[:, pick] <= fastest * (1 + problem.tolerance)).mean())
    return float((loss[:, pick] <= problem.tolerance).mean())
