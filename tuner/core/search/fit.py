"""The posterior fitted to a run's samples: draws, the loss of every candidate, and the pick of least expected loss."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tuner.core.model import Candidate, LatencyGoal, Observation, RunContext, SearchProblem
from tuner.core.search import priors
from tuner.core.search.feasibility import ruled_out
from tuner.core.search.loss import choose_cheapest_meeting, losses, strategy_losses
from tuner.core.search.posterior import Draws, Posterior
from tuner.core.search.prediction import Prediction, cold_starts_of, predict
from tuner.core.search.quota_posterior import QuotaDraws, QuotaPosterior
from tuner.core.search.samples import Samples, read_samples, run_covariance, with_earlier_outcomes
from tuner.core.search.space import BoolArray, FloatArray, IntArray, Space, space_of

DRAW_COUNT = 800
FINAL_DRAW_COUNT = 1600
MOST_SAMPLES_IN_STEPS = 240
"""If there are more, only this many, evenly chosen, decide whether durations fall in steps."""
_QUIET_SHARE = 0.5
"""Of the warm samples, how many no other work disturbed, at least, where steps are looked for."""
ROUNDING_SHARE = 0.05
"""Rounding the pick to a size that people type may lose this share of the tolerance."""
SEEN_SHARE = 0.1
"""Of the tolerance: what it may cost to recommend a size that was measured over one that was not."""
ENVIRONMENTS_WANTED = 3
"""Execution environments that a recommended size is seen on, where they can be had."""
UNDECIDED_LOSS = 0.02
"""What an undecided verdict loses: as much as 2 % extra cost."""


@dataclass(frozen=True)
class Fit:
    """A posterior reduced to draws, and the pick that follows."""

    space: Space
    samples: Samples
    prediction: Prediction
    goal: LatencyGoal | None
    confidence: float
    allowed: BoolArray
    reasons: Mapping[Candidate, str]
    loss: FloatArray
    """Draws × candidates."""
    met: FloatArray | None
    """Draws × candidates: 1.0 if the goal is met."""
    unreachable: FloatArray | None
    """Draws: 1.0 if no candidate meets the goal."""
    expected_loss: FloatArray
    """Candidates; infinite if not allowed. An undecided verdict is part of it."""
    pick: int
    known_environments: tuple[IntArray, ...]

    @property
    def in_steps(self) -> float:
        """The probability that the function runs in steps of the CPU's quota."""
        quota = self.prediction.draws.quota
        return 0.0 if quota is None else len(quota.world) / len(self.loss)


def generator_of(problem: SearchProblem, samples: Samples, purpose: str) -> np.random.Generator:
    """A random stream that depends on the seed and on what was seen, never on the order it came in."""
    return np.random.default_rng([problem.seed, len(samples.log_ms), zlib.crc32(purpose.encode())])


def fit_posterior(
    problem: SearchProblem, observations: Sequence[Observation], context: RunContext, *, draw_count: int | None = None
) -> Fit:
    """Fit the posterior to *observations* and choose under it.

    With no candidate left that is allowed, ``pick`` is the current one and
    every expected loss is infinite.
    """
    space = space_of(problem)
    samples = read_samples(space, observations, context.earlier, run_covariance(context.earlier))
    reasons = ruled_out(problem, with_earlier_outcomes(observations, context.earlier), context)
    eligible = problem.candidates if problem.design is None else problem.design.candidates
    allowed = np.array([candidate not in reasons and candidate in eligible for candidate in problem.candidates])
    generators = generator_of(problem, samples, "draw"), generator_of(problem, samples, "steps")
    draws = draw_worlds(space, samples, problem.payload_weights, draw_count or DRAW_COUNT, generators)
    prediction = predict(space, draws, problem, cold_starts_of(problem, observations))
    size = len(space.candidates)
    fit = Fit(
        space, samples, prediction, problem.goal, problem.confidence, allowed, reasons,
        loss=np.full(prediction.cost_per_million_usd.shape, np.inf), met=None, unreachable=None,
        expected_loss=np.full(size, np.inf), pick=space.index_of(problem.current),
        known_environments=_known_environments(samples, size),
    )  # fmt: skip
    return chosen_under(problem, fit, prediction) if allowed.any() else fit


def draw_worlds(
    space: Space,
    samples: Samples,
    payload_weights: Sequence[float],
    count: int,
    generators: tuple[np.random.Generator, np.random.Generator],
) -> Draws:
    """*count* draws of both families of hypotheses, each with its share of the probability."""
    smooth, in_steps = generators
    posterior = Posterior(space, samples, payload_weights)
    draws = posterior.draw(count, smooth)
    if len(payload_weights) > 1 or not may_run_in_steps(samples):
        return draws
    few = samples.undisturbed(priors.QUOTA_DISTURBED).thinned(MOST_SAMPLES_IN_STEPS)
    quota = QuotaPosterior(space, few, in_steps)
    rival = posterior if few is samples else Posterior(space, few, payload_weights)
    log_odds = math.log(priors.QUOTA_PRIOR / (1 - priors.QUOTA_PRIOR)) + quota.log_evidence - rival.log_evidence
    share = 1 / (1 + math.exp(-min(max(log_odds, -50.0), 50.0)))
    own_count = round(count * share)
    return in_quota_steps(draws, quota.draw(own_count, in_steps)) if own_count else draws


def may_run_in_steps(samples: Samples) -> bool:
    """Whether an invocation was so fast that steps of the quota may show, and other work disturbed few of them."""
    warm = ~samples.cold
    quiet = warm & (samples.error <= priors.QUOTA_DISTURBED)
    if not quiet.any() or quiet.sum() < _QUIET_SHARE * warm.sum():
        return False
    return float(samples.log_ms[quiet].min()) < math.log(priors.QUOTA_FASTEST_MS)


def in_quota_steps(draws: Draws, quota: QuotaDraws) -> Draws:
    """Put the draws of the other family in the place of the last ones of this."""
    count, world = len(quota.world), quota.world
    rows = slice(len(draws.noise) - count, None)
    log_median, noise, spread, environment = (
        np.array(each) for each in (draws.log_median, draws.noise, draws.environment_spread, draws.environment)
    )
    log_median[rows] = quota.log_centre[world, None, :]
    noise[rows] = np.median(quota.spread, axis=1)[world]
    spread[rows] = priors.QUOTA_ENVIRONMENT
    environment[rows] = 0.0
    return replace(
        draws, log_median=log_median, noise=noise, environment_spread=spread, environment=environment, quota=quota
    )


def chosen_under(problem: SearchProblem, fit: Fit, prediction: Prediction) -> Fit:
    """Choose under *problem*'s goal or strategy from a prediction on the fit's draws; some candidate is allowed."""
    space, allowed, goal = fit.space, fit.allowed, problem.goal
    if goal is None and problem.strategy != "cost":
        loss, expected = strategy_losses(problem, prediction, allowed)
    else:
        loss = losses(prediction, goal, allowed)
        expected = loss.mean(axis=0)
    met = unreachable = None
    if goal is not None and prediction.percentile_ms is not None:
        met = (prediction.percentile_ms <= goal.limit_ms).astype(np.float64)
        unreachable = (np.where(allowed, met, 0.0).max(axis=1) == 0).astype(np.float64)
        undecided = (met.mean(axis=0) < problem.confidence) & (unreachable.mean() < problem.confidence)
        expected = expected + UNDECIDED_LOSS * undecided
    # A size that was confirmed is as good a number as one that people type, also on the night after.
    preferred = space.is_round | (fit.samples.environment_counts >= ENVIRONMENTS_WANTED)
    pick = choose_cheapest_meeting(expected, preferred, problem.tolerance * ROUNDING_SHARE)
    seen = allowed & preferred & (fit.samples.warm_counts > 0)
    if seen.any() and not seen[pick]:
        # Among sizes that are as good as equal, the one that ran: else the search goes from neighbour to neighbour.
        nearest = int(np.argmin(np.where(seen, expected, np.inf)))
        if expected[nearest] <= expected[pick] + problem.tolerance * SEEN_SHARE:
            pick = nearest
    return replace(
        fit, prediction=prediction, goal=goal, loss=loss, met=met, unreachable=unreachable,
        expected_loss=expected, pick=pick,
    )  # fmt: skip


def _known_environments(samples: Samples, size: int) -> tuple[IntArray, ...]:
    """For each candidate the environments that it has in this run, on which its next invocations land."""
    own = samples.environment_run == 0
    return tuple(np.flatnonzero(own & (samples.environment_candidate == candidate)) for candidate in range(size))
