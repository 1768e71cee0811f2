"""Why the answer is what it is: the fitted curve, what its neighbours would lose, what more invocations would buy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tuner.core.answer.recommendation import (
    CpuStep,
    CpuSteps,
    CurvePoint,
    Explanation,
    Interval,
    MoreInvocations,
    Neighbour,
    RoundedUp,
)
from tuner.core.aws_limits import CPU_PERIOD_MS
from tuner.core.model import Candidate, Observation, RunContext, SearchProblem
from tuner.core.search.acquisition import outcome_log_likelihoods, simulate_outcomes
from tuner.core.search.between import SURELY_IN_STEPS
from tuner.core.search.decision import Decision, decide
from tuner.core.search.fit import FINAL_DRAW_COUNT, UNDECIDED_LOSS, Fit, fit_posterior, generator_of
from tuner.core.search.prediction import intervals_of, mean_of, percentile_of
from tuner.core.search.run_fit import RunFit
from tuner.core.search.space import FloatArray

CURVE_POINTS, STEPPED_CURVE_POINTS = 40, 120
"""At most so many a curve, evenly spread over log memory; more where it falls in steps."""
NEIGHBOUR_RATIOS = (0.5, 0.67, 0.8, 1.25, 1.5, 2.0)
"""Sizes to hold against the recommended one, by their memory over its memory."""
MORE_INVOCATIONS = (10, 20, 50)
SAME_COST_RATIO = 0.005
ROUND_MB = 64
"""Some policies ask for multiples of this."""
_STEP_WIDTH = 0.1
"""In log memory, at most."""
_ODD_SIZE = 0.1
_WORLDS = 64
_SITES = 6


def explain(run_fit: RunFit) -> Explanation | None:
    """Explain the answer of a run by the draws that it was chosen from; None if nothing could be recommended."""
    if not run_fit.has_answer:
        return None
    problem, fit = run_fit.problem, run_fit.fit
    decision = decide(problem, fit)
    steps = _steps(fit, decision.pick)
    count = CURVE_POINTS if steps is None else STEPPED_CURVE_POINTS
    return Explanation(
        curve=_curve(problem, run_fit.observations, run_fit.verified.context, count),
        neighbours=_neighbours(problem, fit, decision),
        more_invocations=_more(problem, fit) if decision.verdict == "UNCERTAIN" else (),
        cpu_steps=steps,
    )


def _steps(fit: Fit, pick: int) -> CpuSteps | None:
    """Whether the function is so short that it surely runs in steps, and what the last one before the pick is worth."""
    quota = fit.prediction.draws.quota
    if quota is None or fit.in_steps < SURELY_IN_STEPS:
        return None
    space, mean_ms = fit.space, quota.mean_ms.mean(axis=0)
    cost = fit.prediction.cost_per_million_usd
    longer_ms = mean_ms - mean_ms[pick]
    same = np.flatnonzero(space.other_architecture == space.other_architecture[pick])
    ascending = same[np.argsort(space.log_memory[same], kind="stable")]
    until = int(np.flatnonzero(ascending == pick)[0])
    smaller, step = ascending[:until], None
    slower = np.flatnonzero(longer_ms[smaller] > CPU_PERIOD_MS / 4)
    if len(slower):
        above, below = ascending[slower[-1] + 1], smaller[slower[-1]]
        # Sizes close together stand in the middle of a step; its foot is near.
        near = space.log_memory[smaller] > space.log_memory[below] - _STEP_WIDTH
        foot = np.flatnonzero(near & (longer_ms[smaller] > CPU_PERIOD_MS / 2))
        below = smaller[foot[-1]] if len(foot) else below
        step = CpuStep(
            space.candidates[above].memory_mb,
            space.candidates[below].memory_mb,
            float(longer_ms[below]),
            float(np.median(cost[:, below] / cost[:, pick]) - 1),
        )
    round_mb = -(-space.candidates[pick].memory_mb // ROUND_MB) * ROUND_MB
    rounded = replace(space.candidates[pick], memory_mb=round_mb)
    extra = None
    if rounded in space.candidates and rounded != space.candidates[pick]:
        extra = RoundedUp(round_mb, float(np.median(cost[:, space.index_of(rounded)] / cost[:, pick]) - 1))
    return CpuSteps(float(np.median(quota.cpu_ms)), CPU_PERIOD_MS, step, extra)


def _curve(
    problem: SearchProblem, observations: Sequence[Observation], context: RunContext, count: int
) -> tuple[CurvePoint, ...]:
    """The curve of each architecture that was measured or may be recommended, also between the candidates."""
    points: list[Candidate] = []
    for architecture in sorted({candidate.architecture for candidate in problem.candidates}):
        own = [candidate for candidate in problem.candidates if candidate.architecture == architecture]
        between = np.geomspace(own[0].memory_mb, own[-1].memory_mb, count)
        points += [replace(own[0], memory_mb=size_mb) for size_mb in sorted({round(float(size)) for size in between})]
    # The posterior is one over functions of memory, so it can be asked at any size.
    wider = replace(problem, candidates=tuple(sorted({*problem.candidates, *points})), design=None)
    prediction = fit_posterior(wider, observations, context, draw_count=FINAL_DRAW_COUNT).prediction
    chosen = [wider.candidates.index(point) for point in points]
    means = intervals_of(mean_of(prediction.draws, prediction.cold)[:, chosen])
    goals: Sequence[Interval | None] = [None] * len(points)
    if problem.goal is not None:
        goals = intervals_of(percentile_of(prediction.draws, problem.goal.percentile, prediction.cold)[:, chosen])
    return tuple(CurvePoint(*row) for row in zip(points, means, goals, strict=True))


def _neighbours(problem: SearchProblem, fit: Fit, decision: Decision) -> tuple[Neighbour, ...]:
    """The sizes around the pick, today's, the safer one, and the best of the other architecture."""
    candidates = fit.space.candidates
    pick = candidates[decision.pick]
    chosen: set[int] = {fit.space.index_of(problem.current)}
    if decision.safer is not None:
        chosen.add(decision.safer)
    same = [i for i, c in enumerate(candidates) if replace(c, memory_mb=pick.memory_mb) == pick]
    for ratio in NEIGHBOUR_RATIOS:
        wanted = math.log(pick.memory_mb * ratio)
        # A size that people type, if there is one close by.
        away = np.abs(fit.space.log_memory - wanted) + _ODD_SIZE * ~fit.space.is_round
        chosen.add(min(same, key=lambda i, away=away: (float(away[i]), i)))  # type: ignore[misc]
    others = [i for i, c in enumerate(candidates) if c.architecture != pick.architecture and fit.allowed[i]]
    if others:
        chosen.add(min(others, key=lambda i: (fit.expected_loss[i], i)))
    chosen.discard(decision.pick)
    cost = fit.prediction.cost_per_million_usd
    rows = []
    for index in sorted(chosen, key=lambda i: (candidates[i].architecture, candidates[i].memory_mb)):
        candidate = candidates[index]
        if not fit.allowed[index]:
            reason = fit.reasons.get(candidate, "it is not among the sizes that may be recommended")
            rows.append(Neighbour(candidate, None, None, f"It cannot be used: {reason}."))
            continue
        extra = intervals_of((cost[:, index] / cost[:, decision.pick] - 1)[:, None])[0]
        met = None if decision.goal_probability is None else float(decision.goal_probability[index])
        at_pick = None if decision.goal_probability is None else float(decision.goal_probability[decision.pick])
        rows.append(Neighbour(candidate, extra, met, _why_not(problem, extra.estimate, met, at_pick)))
    return tuple(rows)


def _why_not(problem: SearchProblem, extra: float, met: float | None, at_pick: float | None) -> str:
    """One sentence: what choosing it would have lost."""
    if extra > SAME_COST_RATIO:
        price = f"It costs {extra:.1%} more"
    elif extra < -SAME_COST_RATIO:
        price = f"It costs {-extra:.1%} less"
    else:
        price = "It costs the same"
    if problem.goal is None and problem.strategy != "cost":
        return f"{price}, and it is a worse balance of cost and duration."
    if met is None or at_pick is None:
        return f"{price}." if extra > SAME_COST_RATIO else f"{price}, within the uncertainty."
    if met < at_pick - 0.01:
        return f"{price}, and its chance of meeting the goal is {_share(met)}, not {_share(at_pick)}."
    if met > at_pick + 0.01:
        return f"{price}; its chance of meeting the goal would be {_share(met)}, not {_share(at_pick)}."
    return f"{price}, and its chance of meeting the goal is the same, {_share(met)}."


def _share(probability: float) -> str:
    """A probability that is never rounded to a certainty."""
    if probability < 0.01:
        return "less than 1%"
    return "more than 99%" if probability > 0.99 else f"{probability:.0%}"


def _more(problem: SearchProblem, fit: Fit) -> tuple[MoreInvocations, ...]:
    """How probable a decided verdict is after more invocations, over worlds drawn from what is known.

    They are spread over the sizes that may be the answer. Each world answers
    with the durations that it would show; its answer re-weights all draws.
    """
    generator = generator_of(problem, fit.samples, "more invocations")
    order = np.argsort(fit.expected_loss, kind="stable")
    sites: list[int] = []
    for index in order[fit.allowed[order]]:
        apart = [abs(fit.space.log_memory[index] - fit.space.log_memory[other]) >= 0.1 for other in sites]
        if all(apart):
            sites.append(int(index))
        if len(sites) == _SITES:
            break
    rows = []
    for count in MORE_INVOCATIONS:
        used = sites[: max(1, min(_SITES, count // 4))]
        log_weights: FloatArray | float = 0.0
        for site in used:
            spread = min(problem.max_parallel, max(1, count // len(used) // 2))
            new_count = max(0, spread - len(fit.known_environments[site])) if problem.first_invocation_cold else 0
            warm_count = max(1, count // len(used) - new_count)
            seen = simulate_outcomes(len(fit.loss), _WORLDS, generator)
            log_weights = log_weights + outcome_log_likelihoods(fit, site, warm_count, min(spread, warm_count), seen)
        rows.append(MoreInvocations(count, _decided_share(problem, fit, np.asarray(log_weights))))
    return tuple(rows)


def _decided_share(problem: SearchProblem, fit: Fit, log_weights: FloatArray) -> float:
    """The share of worlds in which the verdict of the pick that then follows is decided."""
    assert fit.met is not None
    assert fit.unreachable is not None
    weight = np.exp(log_weights - log_weights.max(axis=1, keepdims=True))
    weight /= weight.sum(axis=1, keepdims=True)
    met, unreachable = weight @ fit.met, weight @ fit.unreachable
    loss = weight @ np.where(fit.allowed, fit.loss, 0.0)
    undecided = (met < problem.confidence) & (unreachable < problem.confidence)[:, None]
    loss = np.where(fit.allowed, loss + UNDECIDED_LOSS * undecided, np.inf)
    pick = loss.argmin(axis=1)
    decided = (met[np.arange(len(met)), pick] >= problem.confidence) | (unreachable >= problem.confidence)
    return float(decided.mean())
