"""What a run came to believe: fitted once, for the recommendation, its explanation, and the answers to other goals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tuner.core.model import Facts, Observation, SearchProblem
from tuner.core.search.belief import FINAL_DRAW_COUNT, Belief, believe
from tuner.core.search.bounded import bounded
from tuner.core.search.warm_start import Verified, verify


@dataclass(frozen=True)
class Conclusion:
    """All that an answer is made from."""

    asked: SearchProblem
    """The request's own; what follows is what the search looks at of it."""
    problem: SearchProblem
    observations: Sequence[Observation]
    facts: Facts
    """As given, with earlier runs that may not have been used."""
    verified: Verified
    belief: Belief

    @property
    def has_answer(self) -> bool:
        """Whether there is a warm sample of this run, and a candidate that could be recommended."""
        return self.belief.evidence.own_warm_count > 0 and bool(self.belief.allowed.any())


def conclude(problem: SearchProblem, observations: Sequence[Observation], facts: Facts = Facts()) -> Conclusion:  # noqa: B008 - frozen
    """Verify the earlier runs and fit the posterior, with as many draws as an answer takes.

    Args:
        problem: The run.
        observations: All that was measured.
        facts: What the run knows besides its measurements.

    Raises:
        InvalidRequest: A duration that no clock can have measured.
    """
    seen = bounded(problem, observations, facts)
    verified = verify(seen.problem, seen.observations, seen.facts)
    belief = believe(seen.problem, seen.observations, verified.facts, draw_count=FINAL_DRAW_COUNT)
    return Conclusion(problem, seen.problem, seen.observations, seen.facts, verified, belief)
