"""The answer for other limits of the goal: "what if it were 500 ms?".

Nothing is measured for it and nothing is fitted anew. The draws that the
run's own answer was chosen from are held against one limit after the other,
by the same losses, the same choice and the same verdict.
"""

from __future__ import annotations

import bisect
import math
from dataclasses import replace

import numpy as np

from tuner.core.answer.recommendation import Alternative, GoalAlternatives, GoalStep
from tuner.core.answer.verdicts import Verdict
from tuner.core.measurement.latency import samples_needed
from tuner.core.model import LatencyGoal
from tuner.core.search.decision import decide
from tuner.core.search.fit import chosen_under
from tuner.core.search.prediction import intervals_of, percentile_of
from tuner.core.search.run_fit import RunFit
from tuner.core.search.space import FloatArray

DEFAULT_PERCENTILE = 95.0
"""Of the limits that are tried if the run had no goal."""
MOST_STEPS = 360
THIN_SAMPLES = samples_needed(50, 0.9)
"""Below as many warm samples not even the middle of a size's durations can be seen in them."""
_DIGIT_STEPS = (1, 2, 5, 10, 20, 50)
"""In the third significant digit: how far two limits that people may ask for lie apart."""


def goal_alternatives(run_fit: RunFit) -> GoalAlternatives | None:
    """What the run would have recommended under other limits of its goal's percentile.

    Returns:
        Limits from one that no size meets to one that every size meets, the
        run's own among them, each with its answer; None if nothing can be
        recommended at all.
    """
    if not run_fit.has_answer:
        return None
    problem, fit = run_fit.problem, run_fit.fit
    percentile = problem.goal.percentile if problem.goal is not None else DEFAULT_PERCENTILE
    percentile_ms = fit.prediction.percentile_ms
    if percentile_ms is None:
        percentile_ms = percentile_of(fit.prediction.draws, percentile, fit.prediction.cold)
    prediction = replace(fit.prediction, percentile_ms=percentile_ms)
    own_ms = None if problem.goal is None else problem.goal.limit_ms
    samples = fit.samples.own_warm_counts
    environments = fit.samples.own_environment_counts
    duration_ms = intervals_of(percentile_ms)
    cost_per_million_usd = intervals_of(fit.prediction.cost_per_million_usd)
    found: list[tuple[int, Verdict]] = []
    choices: list[Alternative] = []
    steps = []
    for limit_ms in limits_to_try(percentile_ms[:, fit.allowed], own_ms):
        goal = LatencyGoal(percentile, limit_ms)
        under_goal = replace(problem, goal=goal)
        decision = decide(under_goal, chosen_under(under_goal, fit, prediction))
        pick = decision.pick
        assert decision.verdict != "NO_GOAL"
        if not found or found[-1] != (pick, decision.verdict):
            found.append((pick, decision.verdict))
            choices.append(
                Alternative(
                    from_limit_ms=limit_ms,
                    to_limit_ms=limit_ms,
                    candidate=problem.candidates[pick],
                    verdict=decision.verdict,
                    duration_ms=duration_ms[pick],
                    cost_per_million_usd=cost_per_million_usd[pick],
                    samples=int(samples[pick]),
                    environments=int(environments[pick]),
                    thin=bool(samples[pick] < THIN_SAMPLES),
                )
            )
        choices[-1] = replace(choices[-1], to_limit_ms=limit_ms)
        met = decision.probability.goal_met
        assert met is not None
        steps.append(GoalStep(limit_ms, len(choices) - 1, round(met, 6), round(decision.confidence, 6)))
    return GoalAlternatives(percentile, tuple(choices), tuple(steps))


def limits_to_try(percentile_ms: FloatArray, own_ms: float | None) -> list[float]:
    """Limits that people may ask for, ascending, from below the fastest size to above the slowest.

    Numbers of two or three significant digits, as close to each other as
    :data:`MOST_STEPS` allows; the run's own limit is one of them. *percentile_ms* is draws × usable candidates.

    Example:
        >>> limits_to_try(np.array([[100.0, 110.0]]), 105.5)[:3]
        [90.0, 90.1, 90.2]
    """
    low_ms = float(np.quantile(percentile_ms, 0.05, axis=0).min()) * 0.9
    high_ms = float(np.quantile(percentile_ms, 0.95, axis=0).max()) * 1.1
    if own_ms is not None:
        low_ms, high_ms = min(low_ms, own_ms * 0.98), max(high_ms, own_ms * 1.02)
    limits: list[float] = []
    for digit_step in _DIGIT_STEPS:
        limits = _round_numbers(low_ms, high_ms, digit_step)
        if len(limits) <= MOST_STEPS:
            break
    return sorted({*limits, *([] if own_ms is None else [own_ms])})


def _round_numbers(low_ms: float, high_ms: float, digit_step: int) -> list[float]:
    """The numbers ``d × 10^e`` from the last one below to the first one above two bounds.

    Their three digits d are a multiple of *digit_step*.
    """
    exponents = range(math.floor(math.log10(low_ms)) - 3, math.floor(math.log10(high_ms)))
    numbers = [float(f"{digits}e{exponent}") for exponent in exponents for digits in range(100, 1000, digit_step)]
    return numbers[bisect.bisect_right(numbers, low_ms) - 1 : bisect.bisect_left(numbers, high_ms) + 1]
