"""All that a run's answer is made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tuner.core.model import Observation, RunContext, SearchProblem
from tuner.core.search.between import fit_answer
from tuner.core.search.bounded import bounded, with_candidates
from tuner.core.search.fit import Fit
from tuner.core.search.warm_start import Verified, verify


@dataclass(frozen=True)
class RunFit:
    """All that an answer is made from."""

    asked: SearchProblem
    """The request's own; what follows is what the search looks at of it."""
    problem: SearchProblem
    observations: Sequence[Observation]
    context: RunContext
    """As given, with earlier runs that may not have been used."""
    verified: Verified
    fit: Fit

    @property
    def has_answer(self) -> bool:
        """Whether there is a warm sample of this run, and a candidate that could be recommended."""
        return self.fit.samples.own_warm_counts.sum() > 0 and bool(self.fit.allowed.any())


def fit_run(problem: SearchProblem, observations: Sequence[Observation], context: RunContext = RunContext()) -> RunFit:  # noqa: B008 - frozen
    """Verify the earlier runs and fit the posterior, with as many draws as an answer takes.

    Raises:
        InvalidRequest: A duration that no clock can have measured.
    """
    seen = bounded(problem, observations, context)
    verified = verify(*seen)
    fit = fit_answer(seen.problem, seen.observations, verified.context)
    problem_of_fit = with_candidates(seen.problem, fit.space.candidates)
    return RunFit(problem, problem_of_fit, seen.observations, seen.context, verified, fit)
