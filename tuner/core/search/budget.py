"""What was spent and what may still be: every batch is counted at its worst before it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tuner.core.function.snap_start import copies_of
from tuner.core.model import Candidate, Observation, SearchProblem
from tuner.core.money.pricing import copy_cost_usd, worst_usd
from tuner.core.money.spending import spent_usd
from tuner.core.search.samples import invocation_count


@dataclass(frozen=True)
class RemainingBudget:
    """What is left of a run's budget."""

    problem: SearchProblem
    invocations: int
    cost_usd: float
    minutes: float
    copies: frozenset[Candidate] = frozenset()
    """Where a temporary function is there already: a new one may cost something by itself (SnapStart's cache)."""

    def affordable_count(self, candidate: Candidate, parallel: int = 1) -> int:
        """How many invocations at *candidate* fit even if each of them runs into the time-out."""
        each_usd = worst_usd(self.problem, candidate)
        left_usd = self.cost_usd - self._copy_usd(candidate)
        # A little slack, so that a sum of prices that is equal to the budget on paper fits it.
        by_cost = int(left_usd / each_usd + 1e-9) if each_usd > 0 else self.invocations
        by_time = int(self.minutes / self._worst_minutes(parallel) + 1e-9)
        return max(0, min(self.invocations, by_cost, by_time))

    def after(self, candidate: Candidate, count: int, parallel: int = 1) -> RemainingBudget:
        """What is left after *count* invocations at *candidate* at their worst."""
        return RemainingBudget(
            self.problem,
            self.invocations - count,
            self.cost_usd - self._copy_usd(candidate) - count * worst_usd(self.problem, candidate),
            self.minutes - count * self._worst_minutes(parallel),
            self.copies | {candidate},
        )

    def _worst_minutes(self, parallel: int) -> float:
        return self.problem.worst_ms / 60_000 / max(1, parallel)

    def _copy_usd(self, candidate: Candidate) -> float:
        return 0.0 if candidate in self.copies else copy_cost_usd(self.problem, candidate)


def remaining_budget(
    problem: SearchProblem, observations: Sequence[Observation], elapsed_minutes: float
) -> RemainingBudget:
    """What is left after *observations*."""
    return RemainingBudget(
        problem,
        invocations=problem.budget.max_invocations - invocation_count(observations),
        cost_usd=problem.budget.max_cost_usd - spent_usd(problem, observations),
        minutes=problem.budget.max_minutes - elapsed_minutes,
        copies=frozenset(copies_of(observations)),
    )
