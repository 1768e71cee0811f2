"""What a run has spent, by one formula: for the progress, the report, and the budget's stop."""

from __future__ import annotations

from collections.abc import Sequence

from tuner.core.function.snap_start import snapshot_fees_usd
from tuner.core.model import Candidate, Invocation, Observation, SearchProblem
from tuner.core.money.pricing import candidate_cost_usd


def spent_usd(
    problem: SearchProblem, observations: Sequence[Observation], uninvoked: Sequence[Candidate] = ()
) -> float:
    """Price what a run has invoked so far, in US dollars, with SnapStart's fees if its clones have it.

    It is what was spent at most: see ``billed_at_most_ms``. *uninvoked* are the sizes of clones that were made and
    never invoked.
    """
    return snapshot_fees_usd(problem, observations, uninvoked) + sum(
        candidate_cost_usd(problem, observation.candidate, billed_at_most_ms(problem, invocation))
        for observation in observations
        for invocation in observation.invocations
    )


def billed_at_most_ms(problem: SearchProblem, invocation: Invocation) -> float:
    """What an invocation was billed for; without a record, the most that it can be: what is not known is not free."""
    if invocation.billed_ms is not None:
        return float(invocation.billed_ms)
    if invocation.duration_ms is not None:
        return invocation.duration_ms + 1.0 + (invocation.init_ms or 0.0)
    return problem.worst_ms
