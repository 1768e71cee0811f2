"""What a batch is worth, against values by hand and against brute force over simulated outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from tests.unit.core.search.simulated import problem_of
from tuner.core.model import RunContext
from tuner.core.search.acquisition import Option, choose_batches, price_per_invocation
from tuner.core.search.fit import Fit, fit_posterior
from tuner.core.search.posterior import Draws
from tuner.core.search.space import FloatArray

SIZES_MB = (512, 1024, 2048)
DRAWS = 800


def fit_of(log_median: FloatArray, loss: FloatArray, noise: float) -> Fit:
    """A fit whose draws are given: draws × sizes of log medians and of losses."""
    made = fit_posterior(problem_of(SIZES_MB), [], RunContext())
    count = len(loss)
    draws = Draws(
        log_median=log_median[:, None, :],
        payload_share=np.ones(1),
        noise=np.full(count, noise),
        environment_spread=np.full(count, 1e-6),
        tail_share=np.zeros(count),
        tail_log_factors=np.zeros((count, 1)),
        environment=np.zeros((count, 0)),
        cold_offset=np.zeros(count),
        run_shift=np.zeros((count, 1)),
    )
    expected = loss.mean(axis=0)
    prediction = replace(made.prediction, draws=draws, cost_per_million_usd=np.ones(loss.shape))
    return replace(made, prediction=prediction, loss=loss, expected_loss=expected, pick=int(expected.argmin()))


def chosen(fit: Fit, seed: int = 1, most: int = 100) -> list[Option] | None:
    """The batches of a round on replays, where no invocation is lost to a cold start."""

    def affordable(_: int, taken: Sequence[Option]) -> int:
        return most - sum(option.invocation_count for option in taken)

    return choose_batches(fit, 1, False, affordable, np.random.default_rng(seed))


def two_worlds() -> tuple[FloatArray, FloatArray]:
    """Half of the worlds: 1,024 MB is fast and right; the others: it is slow and loses 0.2. 512 MB is the other way."""
    log_median = np.full((DRAWS, 3), 4.0)
    slow = np.arange(DRAWS) % 2 == 1
    log_median[slow, 1] = 5.0
    loss = np.full((DRAWS, 3), 0.5)
    loss[:, 0] = np.where(slow, 0.0, 0.2)
    loss[:, 1] = np.where(slow, 0.2, 0.0)
    return log_median, loss


def test_what_tells_two_worlds_apart_is_worth_what_the_wrong_one_loses() -> None:
    """By hand: 0.1 is lost without knowing which world it is, nothing with it, and only 1,024 MB tells."""
    options = chosen(fit_of(*two_worlds(), noise=0.05))
    assert options is not None
    assert [(option.candidate, option.warm_count) for option in options] == [(1, 1)]
    assert options[0].gain == pytest.approx(0.1, abs=0.015)
    assert options[0].price == pytest.approx(price_per_invocation(None))


def test_nothing_is_asked_for_that_cannot_change_the_pick() -> None:
    """One size is best in every world: whatever else differs, no outcome is worth its price."""
    log_median, loss = two_worlds()
    loss[:, 2] = -0.5
    assert chosen(fit_of(log_median, loss, noise=0.05)) == []


def test_nothing_is_asked_for_that_is_less_than_its_price() -> None:
    """The same worlds with a hundredth of the loss: 0.001 for an invocation that costs 0.0012."""
    log_median, loss = two_worlds()
    assert chosen(fit_of(log_median, 0.01 * loss, noise=0.05)) == []


def test_what_the_budget_does_not_cover_is_not_asked_for() -> None:
    """None, which is not the same as nothing of worth."""
    assert chosen(fit_of(*two_worlds(), noise=0.05), most=0) is None


def by_brute_force(fit: Fit, site: int, warm_count: int, outcomes: int = 4000) -> float:
    """Expected fall of the pick's loss: simulate durations, weigh every draw by their likelihood, choose anew."""
    generator = np.random.default_rng(11)
    draws = fit.prediction.draws
    centre, noise = draws.log_median[:, 0, site], draws.noise
    before = fit.loss.mean(axis=0).min()
    after = []
    for world in generator.integers(len(centre), size=outcomes):
        durations = centre[world] + noise[world] * generator.standard_normal(warm_count)
        log_likelihood = -0.5 * (((durations[:, None] - centre) / noise) ** 2).sum(axis=0) - warm_count * np.log(noise)
        weight = np.exp(log_likelihood - log_likelihood.max())
        after.append((weight @ fit.loss / weight.sum()).min())
    return float(before - np.mean(after))


@pytest.mark.parametrize("seed", range(3))
def test_the_best_batch_is_that_of_brute_force(seed: int) -> None:
    """Three curves of unknown height, noisy samples: what is chosen is worth about what 4,000 outcomes say it is.

    And no batch of one, two or four invocations at any size is much better for its price.
    """
    generator = np.random.default_rng(seed)
    level = 0.2 * generator.standard_normal((DRAWS, 1))
    log_median = 4.0 + level + np.array([0.05, 0.15, 0.1]) * generator.standard_normal((DRAWS, 3))
    cost = np.exp(log_median) * np.array([1.0, 1.02, 1.1])
    fit = fit_of(log_median, cost / cost.min(axis=1, keepdims=True) - 1, noise=0.3)
    worth = {(site, count): by_brute_force(fit, site, count) for site in range(3) for count in (1, 2, 4)}
    options = chosen(fit, seed)
    assert options
    best = options[0]
    assert best.gain == pytest.approx(worth[best.candidate, best.warm_count], rel=0.35)
    ratios = {key: value / key[1] for key, value in worth.items()}
    assert ratios[best.candidate, best.warm_count] >= 0.75 * max(ratios.values())
