"""The posterior against a direct computation: every invocation by itself, every combination one after the other."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

from tests.unit.core.search.simulated import problem_of
from tuner.core.model import Candidate, Invocation, Observation
from tuner.core.search import priors
from tuner.core.search.posterior import Posterior
from tuner.core.search.samples import read_samples
from tuner.core.search.shapes import log_shapes
from tuner.core.search.space import FloatArray, space_of

SIZES_MB = (256, 1024, 3008)
SPACE = space_of(problem_of(SIZES_MB))
Seen = tuple[int, str, float]
"""Memory size, execution environment and duration in ms of one warm invocation."""
ALONE: tuple[Seen, ...] = ((1024, "a", 80.0),)
ONE_ENVIRONMENT: tuple[Seen, ...] = ((1024, "a", 80.0), (1024, "a", 84.0))
TWO_ENVIRONMENTS: tuple[Seen, ...] = ((1024, "a", 80.0), (1024, "b", 84.0))
TWO_SIZES: tuple[Seen, ...] = ((256, "a", 300.0), (1024, "b", 84.0))
ARRANGEMENTS = pytest.mark.parametrize("seen", [ALONE, ONE_ENVIRONMENT, TWO_ENVIRONMENTS, TWO_SIZES])


def fitted(seen: tuple[Seen, ...]) -> Posterior:
    """The posterior after some warm invocations; too few for one of them to be taken for an outlier."""
    observations = [
        Observation(2, number, Candidate(memory_mb, "x86_64"), (Invocation("id", "ok", False, ms, environment=where),))
        for number, (memory_mb, where, ms) in enumerate(seen)
    ]
    return Posterior(SPACE, read_samples(SPACE, observations))


def by_hand(seen: tuple[Seen, ...]) -> tuple[float, FloatArray, FloatArray]:
    """Log marginal likelihood without outliers, and mean and variance of the log median at each size."""
    size_mb = np.log([each[0] for each in seen])
    log_ms = np.log([each[2] for each in seen])
    centre = float(np.median(log_ms))
    same_environment = np.array([[one[1] == other[1] for other in seen] for one in seen], dtype=float)

    def kernel(left: FloatArray, right: FloatArray) -> FloatArray:
        return np.asarray(np.exp(-0.5 * ((left[:, None] - right[None, :]) / priors.MISFIT_LENGTH) ** 2))

    short = 1 / (1 + math.exp(-3.0 * (math.log(20.0) - centre)))
    noise_centre = (1 - short) * math.log(0.07) + short * math.log(0.25)
    noise_prior = [math.exp(-0.5 * (math.log(noise) - noise_centre) ** 2) for noise in priors.NOISE_SPREADS]
    shapes, shapes_at = log_shapes(SPACE.log_memory), log_shapes(size_mb)
    weights, means, variances = [], [], []
    for (misfit, p_misfit), (environment, p_environment), (noise, p_noise) in product(
        zip(priors.MISFIT_SPREADS, priors.MISFIT_PRIOR, strict=True),
        zip(priors.ENVIRONMENT_SPREADS, priors.ENVIRONMENT_PRIOR, strict=True),
        zip(priors.NOISE_SPREADS, noise_prior, strict=True),
    ):
        covariance = priors.LEVEL_VARIANCE + misfit**2 * kernel(size_mb, size_mb)
        covariance = covariance + environment**2 * same_environment + noise**2 * np.eye(len(seen))
        between = priors.LEVEL_VARIANCE + misfit**2 * kernel(SPACE.log_memory, size_mb)
        gain = between @ np.linalg.inv(covariance)
        variance = priors.LEVEL_VARIANCE + misfit**2 - (gain * between).sum(axis=1)
        for shape, shape_at in zip(shapes, shapes_at, strict=True):
            residual = log_ms - centre - shape_at
            density = math.exp(-0.5 * float(residual @ np.linalg.solve(covariance, residual)))
            density /= math.sqrt(float(np.linalg.det(2 * math.pi * covariance)))
            weights.append(p_misfit * p_environment * p_noise * density)
            means.append(centre + shape + gain @ residual)
            variances.append(variance)
    weight = np.array(weights)
    prior = sum(noise_prior) * sum(priors.MISFIT_PRIOR) * sum(priors.ENVIRONMENT_PRIOR) * len(shapes)
    mean = weight @ np.array(means) / weight.sum()
    second = weight @ (np.array(variances) + np.array(means) ** 2) / weight.sum()
    return math.log(weight.sum() / prior), mean, second - mean**2


def log_no_outliers(count: int) -> float:
    """That none of so many invocations is an outlier: ``B(a, b + count) / B(a, b)``, over both kinds of tail."""

    def none(a: float, b: float) -> float:
        return math.prod((b + number) / (a + b + number) for number in range(count))

    second_mode = priors.SECOND_MODE_PRIOR
    return math.log((1 - second_mode) * none(*priors.THIN_TAIL) + second_mode * none(*priors.SECOND_MODE))


@ARRANGEMENTS
def test_marginal_likelihood(seen: tuple[Seen, ...]) -> None:
    """Reduced to groups and their statistics, it is that of all invocations together."""
    assert fitted(seen).log_evidence == pytest.approx(by_hand(seen)[0] + log_no_outliers(len(seen)), abs=1e-9)


@ARRANGEMENTS
def test_draws_have_the_mean_and_spread_of_the_posterior(seen: tuple[Seen, ...]) -> None:
    """At measured sizes and between them, within what 20,000 draws can show."""
    _, mean, variance = by_hand(seen)
    count = 20_000
    drawn = fitted(seen).draw(count, np.random.default_rng(7)).log_median[:, 0]
    spread = np.sqrt(variance)
    assert np.abs(drawn.mean(axis=0) - mean).max() <= 4 * spread.max() / math.sqrt(count)
    assert drawn.std(axis=0) == pytest.approx(spread, rel=0.05)


def test_two_environments_tell_more_than_one() -> None:
    """As many invocations: those that share an environment share its factor too."""
    spreads = []
    for seen in (ONE_ENVIRONMENT, TWO_ENVIRONMENTS):
        drawn = fitted(seen).draw(20_000, np.random.default_rng(7)).log_median
        spreads.append((math.sqrt(by_hand(seen)[2][1]), float(drawn[:, 0, 1].std())))
    (together, together_drawn), (apart, apart_drawn) = spreads
    assert apart < 0.95 * together
    assert apart_drawn < 0.95 * together_drawn


def test_a_slow_invocation_among_many_is_a_tail() -> None:
    """One of nine that takes four times as long: the size's median stays, and the tail's share grows."""
    usual = tuple((1024, "a", 80.0 + number) for number in range(8))
    count = 4_000
    without = fitted(usual).draw(count, np.random.default_rng(7))
    with_slow = fitted((*usual, (1024, "a", 340.0))).draw(count, np.random.default_rng(7))
    assert np.median(with_slow.log_median[:, 0, 1]) == pytest.approx(np.median(without.log_median[:, 0, 1]), abs=0.02)
    assert with_slow.tail_share.mean() > 2 * without.tail_share.mean()
