"""Rounds of a fixed design: exactly the number of invocations asked for at each of the given sizes.

The search chooses nothing here. What was measured still goes through its
posterior, so that the recommendation knows how sure it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import islice

from tuner.core.model import Candidate, FixedDesign, Observation, RunContext, SearchProblem
from tuner.core.search.feasibility import ruled_out
from tuner.core.search.planning import PlannedBatch, RoundPlan, remaining_budget, stopped_by_budget

BATCH_LIMIT = 1000
"""Most invocations of one batch; the study's distribution ends there."""
ROUND_LIMIT = 100
"""Most batches of one round: a row of each is in the state that Step Functions carries, 256 KiB at the most."""


def plan_design(
    problem: SearchProblem, observations: Sequence[Observation], *, elapsed_minutes: float, context: RunContext
) -> RoundPlan:
    """The next round of the design: one invocation to see that the payload works, then all the others at once.

    The first invocation is one of the design's own. A size that was ruled out
    gets no further ones; a batch that ended early, with an error that is not
    the size's, is filled up. Where the budget does not cover the rest at its
    worst, every size gets as much of it as the others.
    """
    design = problem.design
    assert design is not None
    if context.stop_requested:
        return RoundPlan(stop_reason="You asked the run to end, so it ended with what it had.")
    remaining = remaining_budget(problem, observations, elapsed_minutes)
    reasons = ruled_out(problem, observations, context)
    made = Counter(observation.candidate for observation in observations for _ in observation.invocations)
    due = {
        candidate: min(design.invocation_count - made[candidate], BATCH_LIMIT)
        for candidate in design.candidates
        if candidate not in reasons and made[candidate] < design.invocation_count
    }
    if not due:
        return RoundPlan(stop_reason=_finished(design, made))
    if not observations:
        due = {_first(problem, due): 1}
    counts = Counter[Candidate]()
    for turn in range(max(due.values())):
        for candidate, count in due.items():
            if turn < count and remaining.affordable_count(candidate) >= 1:
                remaining = remaining.after(candidate, 1)
                counts[candidate] += 1
    if not counts:
        return RoundPlan(stop_reason=stopped_by_budget(remaining))
    reason = "invoked as often as asked" if observations else "checks that the payload works, as one of those asked for"
    batches = (
        PlannedBatch(candidate, counts[candidate], _environments(problem, counts[candidate]), reason)
        for candidate in due
        if counts[candidate]
    )
    return RoundPlan(tuple(islice(batches, ROUND_LIMIT)))


def _first(problem: SearchProblem, due: dict[Candidate, int]) -> Candidate:
    """Today's size where it is asked for, else the largest, which fails least."""
    if problem.current in due:
        return problem.current
    return max(due, key=lambda candidate: (candidate.architecture == problem.current.architecture, candidate.memory_mb))


def _environments(problem: SearchProblem, count: int) -> int:
    """Over how many environments: each must get a second invocation, or all would be cold starts."""
    return max(1, min(problem.max_parallel, count // 2))


def _finished(design: FixedDesign, made: Counter[Candidate]) -> str:
    short = sum(made[candidate] < design.invocation_count for candidate in design.candidates)
    asked = f"{design.invocation_count:,} times" if design.invocation_count > 1 else "once"
    if not short:
        return f"Each size was invoked {asked}, as asked."
    sizes = f"{short:,} of {len(design.candidates):,} sizes" if len(design.candidates) > 1 else "the only size"
    return f"Each size was invoked {asked}, as asked, but for {sizes} that could not be used."
