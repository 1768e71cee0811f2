"""The losses of the strategies that AWS Lambda Power Tuning has, by hand-made figures and in a whole search."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.core.search.simulated import SimulatedFunction, problem_of, search
from tuner.core.model import LatencyGoal, Strategy
from tuner.core.search.loss import balanced_losses, speed_losses, speed_objective

ALL = np.array([True, True, True, True])
DURATION_MS = np.array([[400.0, 200.0, 103.0, 100.0]])
COST = np.array([[1.0, 1.1, 1.2, 2.4]])
SIZES_MB = (128, 256, 512, 1024, 1769, 3008)


def pick(losses: np.ndarray) -> int:
    """The candidate of least expected loss."""
    return int(losses.mean(axis=0).argmin())


@pytest.mark.parametrize(("tolerance", "picked"), [(0.05, 2), (0.01, 3)])
def test_speed_is_the_cheapest_of_those_as_fast_as_the_fastest(tolerance: float, picked: int) -> None:
    """3 % slower at half the cost is as fast within 5 %, and not within 1 %; losses and estimates agree."""
    assert pick(speed_losses(DURATION_MS, COST, ALL, tolerance)) == picked
    assert int(speed_objective(DURATION_MS[0], COST[0], ALL, tolerance).argmin()) == picked


def test_what_is_not_allowed_is_neither_picked_nor_the_measure() -> None:
    """Without the fastest two the next is the fastest; the largest cost is one of those allowed."""
    allowed = np.array([True, True, False, False])
    assert pick(speed_losses(DURATION_MS, COST, allowed, 0.05)) == 1
    assert speed_objective(DURATION_MS[0], COST[0], allowed, 0.05).tolist() == [np.inf, 0, np.inf, np.inf]
    assert np.isinf(speed_losses(DURATION_MS, COST, allowed, 0.05)[0, 2:]).all()
    assert balanced_losses(DURATION_MS, COST, allowed, 0.5)[0, 1] == 0
    assert np.isinf(balanced_losses(DURATION_MS, COST, allowed, 0.5)[0, 2:]).all()


@pytest.mark.parametrize(("weight", "picked"), [(1.0, 0), (0.5, 2), (0.0, 3)])
def test_balanced_goes_from_the_fastest_to_the_cheapest(weight: float, picked: int) -> None:
    """0 is the fastest, 1 the cheapest, between them the least weighted sum of shares of the largest."""
    assert pick(balanced_losses(DURATION_MS, COST, ALL, weight)) == picked
    sums = weight * COST[0] / 2.4 + (1 - weight) * DURATION_MS[0] / 400.0
    assert int(sums.argmin()) == picked


@given(
    st.lists(st.tuples(st.floats(1, 1e6), st.floats(0.01, 1e4)), min_size=1, max_size=8),
    st.floats(0, 0.5),
    st.floats(0, 1),
)
def test_losses_are_finite_and_never_negative(rows: list[tuple[float, float]], tolerance: float, weight: float) -> None:
    """And the best of all loses nothing."""
    duration_ms, cost = np.array([[row[0] for row in rows]]), np.array([[row[1] for row in rows]])
    allowed = np.ones(len(rows), dtype=np.bool_)
    for losses in (
        speed_losses(duration_ms, cost, allowed, tolerance),
        balanced_losses(duration_ms, cost, allowed, weight),
    ):
        assert np.isfinite(losses).all()
        assert losses.min() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("strategy", "weight", "expected_mb"),
    [
        ("cost", 0.5, {128, 256}),
        ("speed", 0.5, {1769, 3008}),
        ("balanced", 0.0, {1769, 3008}),
        ("balanced", 1.0, {128, 256}),
    ],
)
def test_a_search_finds_what_the_strategy_looks_for(
    strategy: Strategy, weight: float, expected_mb: set[int], tmp_path: Path
) -> None:
    """CPU-bound up to one vCPU with some waiting: cheapest when small, fastest from 1,769 MB on."""
    problem = replace(problem_of(SIZES_MB), strategy=strategy, balanced_weight=weight)
    answer = search(problem, SimulatedFunction(), tmp_path).recommendation
    assert answer.verdict == "NO_GOAL"
    assert answer.recommended.candidate.memory_mb in expected_mb
    assert (answer.probability.within_5_percent is None) == (strategy != "cost")


def test_the_pick_can_be_done_again_from_the_estimates(tmp_path: Path) -> None:
    """The formula of ``balanced`` over the answer's own figures gives the answer."""
    problem = replace(problem_of(SIZES_MB), strategy="balanced", balanced_weight=0.3)
    answer = search(problem, SimulatedFunction(), tmp_path).recommendation
    cost = [row.cost_per_million_usd.estimate for row in answer.configurations if row.cost_per_million_usd]
    mean_ms = [row.duration_ms["mean"].estimate for row in answer.configurations]
    sums = [0.3 * c / max(cost) + 0.7 * d / max(mean_ms) for c, d in zip(cost, mean_ms, strict=True)]
    assert answer.recommended == answer.configurations[sums.index(min(sums))]


def test_a_goal_goes_before_a_strategy(tmp_path: Path) -> None:
    """With a goal it is the cheapest that meets it, whatever the strategy."""
    problem = replace(problem_of(SIZES_MB, goal=LatencyGoal(95, 5000.0)), strategy="speed")
    # So slow that it does not run in steps.
    slow = SimulatedFunction(lambda memory_mb: 200 + 8000 * 256 / min(memory_mb, 1769))
    answer = search(problem, slow, tmp_path).recommendation
    assert answer.verdict == "GOAL_MET"
    assert answer.recommended.candidate.memory_mb <= 1024
