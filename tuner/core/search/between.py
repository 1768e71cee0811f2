"""Sizes between those that the search began with, if the function runs in steps of the CPU's quota.

The cheapest size of such a function stands just above a step, and Lambda takes
any memory size. So when the search would end, the sizes around its pick join
the candidates: what is recommended is the cheap side of the step itself, with
the margin that the posterior's doubt and the mix of hosts ask for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tuner.core.model import Observation, RunContext, SearchProblem
from tuner.core.search.bounded import with_candidates
from tuner.core.search.fit import FINAL_DRAW_COUNT, Fit, fit_posterior

BETWEEN_MB = 16
"""Sizes that join are multiples of this."""
SURELY_IN_STEPS = 0.9
"""So probable must steps be before sizes join for them, or anything is said of them."""


def fit_answer(problem: SearchProblem, observations: Sequence[Observation], context: RunContext) -> Fit:
    """The posterior with as many draws as an answer takes, and with the sizes around its pick if they may be better."""
    fit = fit_posterior(problem, observations, context, draw_count=FINAL_DRAW_COUNT)
    finer = with_sizes_between(problem, fit)
    return fit if finer is problem else fit_posterior(finer, observations, context, draw_count=FINAL_DRAW_COUNT)


def with_sizes_between(problem: SearchProblem, fit: Fit) -> SearchProblem:
    """The problem with the sizes around the pick; itself if they cannot be better, or the request excludes them."""
    if not problem.any_size or problem.design is not None or fit.in_steps < SURELY_IN_STEPS:
        return problem
    pick = fit.space.candidates[fit.pick]
    sizes_mb = [each.memory_mb for each in problem.candidates if each.architecture == pick.architecture]
    below = max((size for size in sizes_mb if size < pick.memory_mb), default=pick.memory_mb)
    above = min((size for size in sizes_mb if size > pick.memory_mb), default=pick.memory_mb)
    first_mb = -(-below // BETWEEN_MB) * BETWEEN_MB
    joining = [replace(pick, memory_mb=size_mb) for size_mb in range(first_mb, above, BETWEEN_MB)]
    return with_candidates(problem, joining)
