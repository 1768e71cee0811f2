"""What was spent and what may still be: every batch is counted at its worst before it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tuner.core.function.snap_start import copies_of
from tuner.core.model import Candidate, Observation, SearchProblem
from tuner.core.money.pricing import copy_cost_usd, restore_cost_usd
from tuner.core.money.spending import spent_usd
from tuner.core.search.samples import invocation_count
from tuner.core.search.space import Space


@dataclass(frozen=True)
class RemainingBudget:
    """What is left of a run's budget."""

    invocations: int
    cost_usd: float
    minutes: float
    copies: frozenset[Candidate] = frozenset()
    """Where a temporary function is there already: a new one may cost something by itself (SnapStart's cache)."""

    def affordable_count(self, problem: SearchProblem, space: Space, candidate: Candidate, parallel: int = 1) -> int:
        """How many invocations at *candidate* fit even if each of them runs into the time-out."""
        worst_usd = _worst_usd(problem, space, candidate)
        worst_minutes = problem.worst_ms / 60_000 / max(1, parallel)
        left_usd = self.cost_usd - self._copy_usd(problem, candidate)
        # A little slack, so that a sum of prices that is equal to the budget on paper fits it.
        by_cost = int(left_usd / worst_usd + 1e-9) if worst_usd > 0 else self.invocations
        by_time = int(self.minutes / worst_minutes + 1e-9)
        return max(0, min(self.invocations, by_cost, by_time))

    def after(
        self, problem: SearchProblem, space: Space, candidate: Candidate, count: int, parallel: int = 1
    ) -> RemainingBudget:
        """What is left after *count* invocations at *candidate* at their worst."""
        worst_minutes = problem.worst_ms / 60_000 / max(1, parallel)
        worst_usd = self._copy_usd(problem, candidate) + count * _worst_usd(problem, space, candidate)
        return RemainingBudget(
            self.invocations - count,
            self.cost_usd - worst_usd,
            self.minutes - count * worst_minutes,
            self.copies | {candidate},
        )

    def _copy_usd(self, problem: SearchProblem, candidate: Candidate) -> float:
        return 0.0 if candidate in self.copies else copy_cost_usd(problem, candidate)


def _worst_usd(problem: SearchProblem, space: Space, candidate: Candidate) -> float:
    """What one invocation costs at its worst: in a new environment, and into the time-out."""
    index = space.index_of(candidate)
    billed_usd = problem.worst_ms * space.usd_per_ms[index] + space.usd_per_request[index]
    return float(billed_usd) + restore_cost_usd(problem, candidate)


def remaining_budget(
    problem: SearchProblem, observations: Sequence[Observation], elapsed_minutes: float
) -> RemainingBudget:
    """What is left after *observations*."""
    return RemainingBudget(
        invocations=problem.budget.max_invocations - invocation_count(observations),
        cost_usd=problem.budget.max_cost_usd - spent_usd(problem, observations),
        minutes=problem.budget.max_minutes - elapsed_minutes,
        copies=frozenset(copies_of(observations)),
    )
