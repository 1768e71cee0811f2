"""What a run would take at most, for a dry run."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tuner.core.answer.report import WorstCase
from tuner.core.function.snap_start import most_fees_usd
from tuner.core.model import Candidate, Observation, SearchProblem, invocations_of
from tuner.core.money.pricing import candidate_cost_usd

_ROUND_OVERHEAD_S = 8.0
"""What a round takes besides the invocations: making clones, asking the search."""

_SNAPSHOT_OVERHEAD_S = 150.0
"""What clones with SnapStart add to a round: AWS speaks of minutes for a version ("Lambda SnapStart", seen 2026-11)."""


def worst_case(problem: SearchProblem, observations: Sequence[Observation], *, cold_starts: int = 0) -> WorstCase:
    """The most that the run would take.

    The one measured duration is taken to be all CPU at smaller sizes and not
    to shrink at larger ones, and never to pass the function's timeout. Clones
    with SnapStart cost their fees and minutes beside that.
    """
    # The one invocation was at today's size, or at one that a fixed design names.
    seen_mb = observations[0].candidate.memory_mb if observations else problem.current.memory_mb
    seen_ms = max((each.duration_ms or 0.0 for each in invocations_of(observations)), default=problem.timeout_ms)
    count = problem.budget.max_invocations

    def worst_ms(candidate: Candidate) -> float:
        slower = max(1.0, seen_mb / candidate.memory_mb)
        return min(problem.timeout_ms, seen_ms * slower)

    def worst_usd_at(candidate: Candidate) -> float:
        return candidate_cost_usd(problem, candidate, math.ceil(worst_ms(candidate)))

    if problem.design is None:
        worst_usd = count * max(worst_usd_at(row) for row in problem.candidates)
        seconds = count * max(worst_ms(row) for row in problem.candidates) / 1000
        rounds = math.ceil(count / 4)
    else:
        each, rows = problem.design.invocation_count, problem.design.candidates
        worst_usd = each * sum(worst_usd_at(row) for row in rows)
        seconds = each * sum(worst_ms(row) for row in rows) / 1000
        rounds = 2
    overhead_s = _ROUND_OVERHEAD_S
    if problem.snapshot_prices is not None:
        worst_usd += most_fees_usd(problem, problem.snapshot_prices, cold_starts)
        overhead_s += _SNAPSHOT_OVERHEAD_S
    minutes = (seconds + rounds * overhead_s) / 60
    return WorstCase(count, min(problem.budget.max_cost_usd, worst_usd), min(problem.budget.max_minutes, minutes))
