"""The pick, the verdict, and the price of an invocation, each by itself."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.core.search.simulated import problem_of
from tuner.core.model import LatencyGoal
from tuner.core.search.acquisition import price_per_invocation
from tuner.core.search.decision import verdict_of
from tuner.core.search.loss import choose_cheapest_meeting
from tuner.core.search.noise import log_quantile, normal_cdf, normal_quantile
from tuner.core.search.priors import TAIL_FACTORS
from tuner.core.search.space import space_of

GOAL = LatencyGoal(95, 300.0)


def test_pick_is_the_least_expected_loss() -> None:
    """Not the first that is probable enough: the one that loses least."""
    nothing_round = np.zeros(3, dtype=np.bool_)
    assert choose_cheapest_meeting(np.array([0.2, 0.1, 0.3]), nothing_round, 0.0) == 1


def test_pick_is_rounded_only_where_that_costs_next_to_nothing() -> None:
    """A size that people type is taken within the margin, and not beyond it."""
    is_round = np.array([False, False, True])
    assert choose_cheapest_meeting(np.array([0.2, 0.1, 0.102]), is_round, 0.0025) == 2
    assert choose_cheapest_meeting(np.array([0.2, 0.1, 0.105]), is_round, 0.0025) == 1


@pytest.mark.parametrize(
    ("met", "unreachable", "estimate_ms", "verdict"),
    [
        (0.95, 0.0, 280.0, "GOAL_MET"),
        (0.95, 0.0, 301.0, "UNCERTAIN"),
        (0.89, 0.0, 280.0, "UNCERTAIN"),
        (0.02, 0.95, 350.0, "GOAL_NOT_MET"),
        (0.02, 0.5, 350.0, "UNCERTAIN"),
    ],
)
def test_verdict(met: float, unreachable: float, estimate_ms: float, verdict: str) -> None:
    """Met or out of reach with the asked confidence, else uncertain; never met with an estimate over the limit."""
    result = verdict_of(
        GOAL, confidence=0.9, met=met, unreachable=unreachable, estimate_ms=estimate_ms, within_tolerance=1.0
    )
    assert result[0] == verdict


def test_what_cannot_be_shown_is_uncertain() -> None:
    """A percentile that only the assumed tail speaks of is never claimed."""
    result = verdict_of(
        GOAL, confidence=0.9, met=0.99, unreachable=0.0, estimate_ms=100.0, within_tolerance=1.0, provable=False
    )
    assert result[0] == "UNCERTAIN"


def test_no_goal_is_out_of_reach_of_a_size_that_did_not_run() -> None:
    """Without a warm sample of this run at the fastest size the verdict is uncertain."""
    result = verdict_of(
        GOAL, confidence=0.9, met=0.02, unreachable=0.99, estimate_ms=350.0, within_tolerance=1.0, fastest_seen=False
    )
    assert result == ("UNCERTAIN", 0.99)


def test_an_invocation_is_cheaper_to_a_busy_function() -> None:
    """More traffic makes the right size worth more; unknown traffic is the reference's."""
    assert price_per_invocation(1e6) < price_per_invocation(None) < price_per_invocation(100)


def test_quantile_of_the_mixture() -> None:
    """The table's normal, and the tail's share in p95 and p99."""
    assert normal_cdf(normal_quantile(np.array([0.05, 0.5, 0.99]))) == pytest.approx([0.05, 0.5, 0.99], abs=1e-4)
    spread, none, some = np.array([0.1]), np.array([0.0]), np.array([0.03])
    thin, mode = np.log([TAIL_FACTORS]), np.log([[3.0]])
    assert log_quantile(95, spread, none, thin) == pytest.approx([0.16449], abs=1e-3)
    assert log_quantile(95, spread, some, thin) > 0.18
    assert log_quantile(99, spread, some, thin) > np.log(2.0)
    # Of a fifth that takes three times as long, the upper quarter lies beyond p95.
    assert log_quantile(95, spread, np.array([0.2]), mode) == pytest.approx([np.log(3) + 0.06745], abs=2e-3)


def test_cost_follows_the_bill() -> None:
    """Half a started millisecond on average, at least one, and the request."""
    space = space_of(problem_of((1024,)))
    usd = 1e6 * (100.5 * 0.0000166667 / 1000 + 0.0000002)
    assert space.cost_per_million_usd(np.array([100.0])) == pytest.approx([usd])
    assert space.cost_per_million_usd(np.array([0.1])) == pytest.approx([1e6 * (0.0000166667 / 1000 + 0.0000002)])
