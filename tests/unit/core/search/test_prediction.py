"""Mean, percentile and cost of a draw, by hand and against durations that were drawn from it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.unit.core.search.simulated import problem_of
from tuner.core.model import Candidate
from tuner.core.search.posterior import Draws
from tuner.core.search.prediction import ColdStarts, mean_of, percentile_of, predict
from tuner.core.search.space import space_of

NOISE, ENVIRONMENT, TAIL_SHARE, TAIL_LOG_FACTOR = 0.12, 0.09, 0.02, math.log(3.0)
SPREAD = 0.15
"""The root of 0.12² + 0.09²."""


def draw_of(*median_ms: float, share: tuple[float, ...] = (1.0,), tail_share: float = 0.0) -> Draws:
    """One draw at one size, with a median for each payload."""
    return Draws(
        log_median=np.log(np.array(median_ms)).reshape(1, -1, 1),
        payload_share=np.array(share),
        noise=np.array([NOISE]),
        environment_spread=np.array([ENVIRONMENT]),
        tail_share=np.array([tail_share]),
        tail_log_factors=np.full((1, 5), TAIL_LOG_FACTOR),
        environment=np.zeros((1, 0)),
        cold_offset=np.array([0.5]),
        run_shift=np.zeros((1, 1)),
    )


def test_a_log_normal_by_hand() -> None:
    """Median 100 ms, spread 0.15: the mean is 100 · exp(0.15² / 2), p95 is 100 · exp(1.645 · 0.15)."""
    draws = draw_of(100.0)
    assert mean_of(draws)[0, 0] == pytest.approx(100 * math.exp(0.15**2 / 2))
    assert percentile_of(draws, 95)[0, 0] == pytest.approx(100 * math.exp(1.644854 * 0.15), rel=1e-3)


def test_cost_by_hand() -> None:
    """1,024 MB for the mean and half a millisecond, a million times, and the requests."""
    problem = problem_of((1024,))
    prediction = predict(space_of(problem), draw_of(100.0), problem)
    price = problem.prices[Candidate(1024, "x86_64").architecture]
    mean_s = (100 * math.exp(0.15**2 / 2) + 0.5) / 1000
    expected = 1e6 * (mean_s * price.usd_per_gb_second + price.usd_per_request)
    assert prediction.cost_per_million_usd[0, 0] == pytest.approx(expected)
    assert prediction.percentile_ms is None


@pytest.mark.parametrize("percentile", [50.0, 95.0, 99.0])
def test_percentile_with_a_tail(percentile: float) -> None:
    """As of a million durations, of which 2 % take three times as long."""
    generator = np.random.default_rng(3)
    durations = 100 * np.exp(SPREAD * generator.standard_normal(1_000_000))
    durations *= np.where(generator.random(len(durations)) < TAIL_SHARE, 3.0, 1.0)
    draws = draw_of(100.0, tail_share=TAIL_SHARE)
    assert percentile_of(draws, percentile)[0, 0] == pytest.approx(np.percentile(durations, percentile), rel=0.01)
    assert mean_of(draws)[0, 0] == pytest.approx(durations.mean(), rel=0.005)


@pytest.mark.parametrize("percentile", [50.0, 95.0])
def test_percentile_of_payloads_and_cold_starts(percentile: float) -> None:
    """As of a million durations: three in ten get the slower payload, one in twenty is cold, with 200 ms of init."""
    generator = np.random.default_rng(3)
    count = 1_000_000
    median_ms = np.where(generator.random(count) < 0.3, 250.0, 100.0)
    durations = median_ms * np.exp(SPREAD * generator.standard_normal(count))
    cold = generator.random(count) < 0.05
    noise = np.exp(SPREAD * generator.standard_normal(count))
    durations = np.where(cold, (median_ms * math.exp(0.5) + 200.0) * noise, durations)
    draws, starts = draw_of(100.0, 250.0, share=(0.7, 0.3)), ColdStarts(0.05, 200.0)
    assert percentile_of(draws, percentile, starts)[0, 0] == pytest.approx(
        np.percentile(durations, percentile), rel=0.01
    )
    assert mean_of(draws, starts)[0, 0] == pytest.approx(durations.mean(), rel=0.02)
