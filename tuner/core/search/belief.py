"""All that a decision needs after some evidence: draws, losses, the pick, and how sure it is."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

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
ENVIRONMENTS_WANTED = 3
"""Execution environments that a recommended size is seen on, where they can be had."""
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
    known_environments: tuple[IntArray, ...]


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
    belief = Belief(
        space, evidence, outlook, problem.goal, problem.confidence, allowed, reasons,
        loss=np.full(outlook.cost_per_million_usd.shape, np.inf), met=None, unreachable=None,
        expected_loss=np.full(size, np.inf), pick=space.index_of(problem.current),
        known_environments=_known_environments(evidence, size),
    )  # fmt: skip
    return chosen_under(problem, belief, outlook) if allowed.any() else belief


def chosen_under(problem: SearchProblem, belief: Belief, outlook: Outlook) -> Belief:
    """Choose under *problem*'s goal or strategy from an outlook on the belief's draws; some candidate is allowed."""
    space, allowed, goal = belief.space, belief.allowed, problem.goal
    by_strategy = goal is None and problem.strategy != "cost"
    loss = strategy_losses(problem, outlook, allowed) if by_strategy else choice.losses(outlook, goal, allowed)
    expected = strategy_objective(problem, outlook, allowed) if by_strategy else loss.mean(axis=0)
    met = unreachable = None
    if goal is not None and outlook.percentile_ms is not None:
        met = (outlook.percentile_ms <= goal.limit_ms).astype(np.float64)
        unreachable = (np.where(allowed, met, 0.0).max(axis=1) == 0).astype(np.float64)
        undecided = (met.mean(axis=0) < problem.confidence) & (unreachable.mean() < problem.confidence)
        expected = expected + UNDECIDED_LOSS * undecided
    # A size that was confirmed is as good a number as one that people type, also on the night after.
    handy = space.is_round | (belief.evidence.environment_counts(len(expected)) >= ENVIRONMENTS_WANTED)
    pick = choice.choose_cheapest_meeting(expected, handy, problem.tolerance * ROUNDING_SHARE)
    seen = allowed & handy & (belief.evidence.warm_counts(len(expected)) > 0)
    if seen.any() and not seen[pick]:
        # Among sizes that are as good as equal, the one that ran: else the search goes from neighbour to neighbour.
        nearest = int(np.argmin(np.where(seen, expected, np.inf)))
        if expected[nearest] <= expected[pick] + problem.tolerance * SEEN_SHARE:
            pick = nearest
    return replace(
        belief, outlook=outlook, goal=goal, loss=loss, met=met, unreachable=unreachable,
        expected_loss=expected, pick=pick,
    )  # fmt: skip


def _known_environments(evidence: Evidence, size: int) -> tuple[IntArray, ...]:
    """For each candidate the environments that it has in this run, on which its next invocations land."""
    own = evidence.environment_run == 0
    return tuple(np.flatnonzero(own & (evidence.environment_candidate == candidate)) for candidate in range(size))
