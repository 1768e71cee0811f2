"""All that a decision needs after some evidence: draws, losses, the pick, and how sure it is."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tuner.core.model import Candidate, Facts, LatencyGoal, Observation, SearchProblem
from tuner.core.search import choice
from tuner.core.search.earlier import run_covariance, with_earlier_facts
from tuner.core.search.evidence import Evidence, read_evidence
from tuner.core.search.feasibility import ruled_out
from tuner.core.search.outlook import Outlook, cold_starts_of, outlook_of
from tuner.core.search.posterior import Posterior
from tuner.core.search.space import BoolArray, FloatArray, IntArray, Space, space_of
from tuner.core.search.strategy import strategy_losses, strategy_objective

DRAW_COUNT = 800
FINAL_DRAW_COUNT = 1600
ROUNDING_SHARE = 0.05
"""Rounding the pick to a size that people type may lose this share of the tolerance."""
SEEN_SHARE = 0.1
"""Of the tolerance: what it may cost to recommend a size that was measured over one that was not."""
UNDECIDED_LOSS = 0.02
"""What an undecided verdict loses: as much as 2 % extra cost."""


@dataclass(frozen=True)
class Belief:
    """A posterior reduced to draws, and the pick that follows."""

    space: Space
    evidence: Evidence
    outlook: Outlook
    goal: LatencyGoal | None
    confidence: float
    allowed: BoolArray
    reasons: Mapping[Candidate, str]
    loss: FloatArray
    """Draws × candidates."""
    met: FloatArray | None
    """Draws × candidates: 1.0 where the goal is met."""
    unreachable: FloatArray | None
    """Draws: 1.0 where no candidate meets the goal."""
    expected_loss: FloatArray
    """Candidates; infinite where not allowed. An undecided verdict is part of it."""
    pick: int
    known_environment: IntArray


def generator_of(problem: SearchProblem, evidence: Evidence, purpose: str) -> np.random.Generator:
    """A random stream that depends on the seed and on what was seen, never on the order it came in."""
    return np.random.default_rng([problem.seed, len(evidence.log_ms), zlib.crc32(purpose.encode())])


def believe(
    problem: SearchProblem, observations: Sequence[Observation], facts: Facts, *, draw_count: int | None = None
) -> Belief:
    """Fit the posterior to *observations* and choose under it.

    With no candidate left that is allowed, ``pick`` is the current one and
    every expected loss is infinite.
    """
    space = space_of(problem)
    evidence = read_evidence(space, observations, facts.earlier, run_covariance(facts.earlier))
    reasons = ruled_out(problem, with_earlier_facts(observations, facts.earlier), facts)
    eligible = problem.candidates if problem.design is None else problem.design.candidates
    allowed = np.array([candidate not in reasons and candidate in eligible for candidate in problem.candidates])
    draws = Posterior(space, evidence, problem.payload_weights).draw(
        draw_count or DRAW_COUNT, generator_of(problem, evidence, "draw")
    )
    outlook = outlook_of(space, draws, problem, cold_starts_of(problem, observations))
    size = len(space.candidates)
    known = _known_environment(evidence, size)
    if not allowed.any():
        nothing = np.full(size, np.inf)
        pick = space.index_of(problem.current)
        return Belief(
            space, evidence, outlook, problem.goal, problem.confidence, allowed, reasons,
            np.full(outlook.cost_per_million_usd.shape, np.inf), None, None, nothing, pick, known,
        )  # fmt: skip
    by_strategy = problem.goal is None and problem.strategy != "cost"
    loss = strategy_losses(problem, outlook, allowed) if by_strategy else choice.losses(outlook, problem.goal, allowed)
    met = unreachable = None
    if problem.goal is not None and outlook.percentile_ms is not None:
        met = (outlook.percentile_ms <= problem.goal.limit_ms).astype(np.float64)
        unreachable = (np.where(allowed, met, 0.0).max(axis=1) == 0).astype(np.float64)
    expected = strategy_objective(problem, outlook, allowed) if by_strategy else loss.mean(axis=0)
    if met is not None and unreachable is not None:
        undecided = (met.mean(axis=0) < problem.confidence) & (unreachable.mean() < problem.confidence)
        expected = expected + UNDECIDED_LOSS * undecided
    pick = choice.choose_cheapest_meeting(expected, space.is_round, problem.tolerance * ROUNDING_SHARE)
    seen = allowed & space.is_round & (evidence.own_warm_counts(size) > 0)
    if seen.any() and not seen[pick]:
        # Among sizes that are as good as equal, the one that ran: else the search goes from neighbour to neighbour.
        nearest = int(np.argmin(np.where(seen, expected, np.inf)))
        if expected[nearest] <= expected[pick] + problem.tolerance * SEEN_SHARE:
            pick = nearest
    return Belief(
        space, evidence, outlook, problem.goal, problem.confidence, allowed, reasons,
        loss, met, unreachable, expected, pick, known,
    )  # fmt: skip


def _known_environment(evidence: Evidence, size: int) -> IntArray:
    """For each candidate the environment that its next invocation lands on; -1 where it is a new one."""
    result = np.full(size, -1, dtype=np.int64)
    for environment, candidate in enumerate(evidence.environment_candidate):
        if result[candidate] < 0 and evidence.environment_run[environment] == 0:
            result[candidate] = environment
    return result
