"""What a run without a goal looks for, where it is not the cheapest size: the fastest, or a balance of both.

The pick follows from the estimates that the report shows, so that a reader can
do it again. What a next batch is worth follows from losses over all draws,
like the goal's.
"""

from __future__ import annotations

import numpy as np

from tuner.core.model import SearchProblem
from tuner.core.search.outlook import Outlook, mean_of
from tuner.core.search.space import BoolArray, FloatArray

SLOWER_WEIGHT = 4.0
"""In the strategy ``speed``, a duration beyond the tolerance weighs so much …"""
DEARER_WEIGHT = 0.25
"""… and extra cost among sizes that are as fast so much. The ratio is that of an unreachable goal's losses."""


def strategy_objective(problem: SearchProblem, outlook: Outlook, allowed: BoolArray) -> FloatArray:
    """Candidates: what the pick is the least of, on the estimates; infinite where it may not be picked."""
    duration_ms = np.median(mean_of(outlook.draws, outlook.cold), axis=0)
    cost = np.median(outlook.cost_per_million_usd, axis=0)
    if problem.strategy == "speed":
        return speed_objective(duration_ms, cost, allowed, problem.tolerance)
    losses = balanced_losses(duration_ms[None], cost[None], allowed, problem.balanced_weight)
    return np.asarray(losses[0])


def speed_objective(duration_ms: FloatArray, cost: FloatArray, allowed: BoolArray, tolerance: float) -> FloatArray:
    """Extra cost over the cheapest among those that are as fast as the fastest; infinite for all others.

    Args:
        duration_ms: One estimate a candidate.
        cost: One estimate a candidate.
        allowed: Which candidates may be recommended.
        tolerance: So much slower is as fast.

    Example:
        >>> speed_objective(np.array([200.0, 104.0, 100.0]), np.array([1.0, 2.0, 3.0]),
        ...                 np.array([True, True, True]), 0.05).tolist()
        [inf, 0.0, 0.5]
    """
    fastest = np.where(allowed, duration_ms, np.inf).min()
    as_fast = allowed & (duration_ms <= fastest * (1 + tolerance))
    cheapest = np.where(as_fast, cost, np.inf).min()
    return np.asarray(np.where(as_fast, cost / cheapest - 1, np.inf))


def strategy_losses(problem: SearchProblem, outlook: Outlook, allowed: BoolArray) -> FloatArray:
    """Draws × candidates: what recommending each candidate would lose under ``speed`` or ``balanced``."""
    duration_ms, cost = mean_of(outlook.draws, outlook.cold), outlook.cost_per_million_usd
    if problem.strategy == "speed":
        return speed_losses(duration_ms, cost, allowed, problem.tolerance)
    return balanced_losses(duration_ms, cost, allowed, problem.balanced_weight)


def speed_losses(duration_ms: FloatArray, cost: FloatArray, allowed: BoolArray, tolerance: float) -> FloatArray:
    """How much slower than the fastest beyond the tolerance, and how much dearer than the cheapest within it.

    Args:
        duration_ms: Draws × candidates, the mean duration.
        cost: Draws × candidates.
        allowed: Which candidates may be recommended; the others lose infinitely.
        tolerance: So much slower is as fast.

    Example:
        >>> speed_losses(np.array([[200.0, 101.0, 100.0]]), np.array([[1.0, 2.0, 4.0]]),
        ...              np.array([True, True, True]), 0.05).round(2).tolist()
        [[3.8, 0.0, 0.25]]
    """
    fastest = np.where(allowed, duration_ms, np.inf).min(axis=1, keepdims=True)
    beyond = np.maximum(duration_ms / fastest - 1 - tolerance, 0.0)
    as_fast = allowed & (beyond == 0)
    cheapest = np.where(as_fast, cost, np.inf).min(axis=1, keepdims=True)
    dearer = np.maximum(cost / cheapest - 1, 0.0)
    return np.asarray(np.where(allowed, SLOWER_WEIGHT * beyond + DEARER_WEIGHT * dearer, np.inf))


def balanced_losses(duration_ms: FloatArray, cost: FloatArray, allowed: BoolArray, weight: float) -> FloatArray:
    """How far the weighted sum of cost and duration is from the least one, as a ratio.

    Each is taken as a share of the largest among the allowed candidates, as
    AWS Lambda Power Tuning does (``findBalanced`` in its analyzer): 0 is the
    fastest, 1 the cheapest.

    Args:
        duration_ms: Draws × candidates, the mean duration.
        cost: Draws × candidates.
        allowed: Which candidates may be recommended; the others lose infinitely.
        weight: Of the cost; the rest is the duration's.

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


def within_strategy(problem: SearchProblem, loss: FloatArray, outlook: Outlook, allowed: BoolArray, pick: int) -> float:
    """The probability that the pick is within the tolerance of the best: of the fastest, or of the least sum."""
    if problem.strategy == "speed":
        duration_ms = mean_of(outlook.draws, outlook.cold)
        fastest = np.where(allowed, duration_ms, np.inf).min(axis=1)
        return float((duration_ms[:, pick] <= fastest * (1 + problem.tolerance)).mean())
    return float((loss[:, pick] <= problem.tolerance).mean())
