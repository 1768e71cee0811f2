"""The quota's steps against measured durations, and against following a burst from tick to tick."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.quota_truth import START_MS, quota_of, quota_truth
from bench.quota_truth import durations_ms as followed_by_the_bench
from bench.steps import measured
from tuner.core.search.cpu_quota import Handlers, burst_ms, durations_ms

MEASURED_MS = {int(row["memory_mb"]): row["mean_ms"] for row in measured()}
"""Means of one real function."""
CROSSED_MB = {130: 212, 110: 246, 90: 296, 70: 367, 50: 484, 30: 716}
"""Where the mean of the same function passes a duration in milliseconds."""
SEEN_CPU_MS = np.linspace(16.95, 17.75, 9)
SEEN_STARTS_MS = {0.0: 0.475, 3.05: 0.138, 3.25: 0.138, 3.45: 0.138, 7.0: 0.111}
"""How often its invocations start so long after the period, as fitted to its durations."""


def mean_ms(memory_mb: float) -> float:
    """The mechanism's mean for that function."""
    count = len(SEEN_CPU_MS)
    handlers = Handlers(np.zeros((count, 1)), SEEN_CPU_MS[:, None], np.zeros(count))
    taken = durations_ms(handlers, np.array([float(memory_mb)]), np.array(list(SEEN_STARTS_MS)))[:, 0]
    return float(taken.mean(axis=0) @ np.array(list(SEEN_STARTS_MS.values())))


def test_means_lie_where_they_were_measured() -> None:
    """Within 5 % in the median, and none by more than 15 %."""
    errors = [abs(mean_ms(memory_mb) / measured - 1) for memory_mb, measured in MEASURED_MS.items()]
    assert np.median(errors) < 0.05
    assert max(errors) < 0.15


@pytest.mark.parametrize(("limit_ms", "memory_mb"), CROSSED_MB.items())
def test_steps_lie_where_they_were_measured(limit_ms: float, memory_mb: int) -> None:
    """Within 5 % of the memory size."""
    assert mean_ms(memory_mb * 0.95) > limit_ms > mean_ms(memory_mb * 1.05)


def followed_ms(memory_mb: float, cpu_ms: float, start_ms: float, threads: int) -> float:
    """A burst followed in steps of a hundredth of a millisecond."""
    quota = 20.0 * memory_mb / 1769
    step, now = 0, round(start_ms * 100)
    budget, left, runs = quota, cpu_ms, True
    while left > 1e-9:
        if runs:
            used = min(left, threads * 0.01)
            left, budget = left - used, budget - used
        step += 1
        now += 1
        if now % 400 == 0 and budget <= 1e-9:
            runs = False
        if now % 2000 == 0:
            budget = min(budget + quota, quota)
            runs = runs or budget > 1e-9
    return step / 100


@given(
    memory_mb=st.integers(128, 3008),
    cpu_ms=st.floats(1.0, 60.0),
    start_ms=st.sampled_from(START_MS),
    threads=st.sampled_from([1, 2]),
)
def test_a_burst_takes_what_following_it_takes(memory_mb: int, cpu_ms: float, start_ms: float, threads: int) -> None:
    """But for the steps of the one that follows it, which may find a budget used up a tick later."""
    near = {round(followed_ms(memory_mb, cpu_ms * factor, start_ms, threads), 1) for factor in (0.998, 1.0, 1.002)}
    taken_ms = burst_ms(memory_mb, cpu_ms, start_ms, threads - 1.0)
    assert min(near) - 0.3 <= taken_ms <= max(near) + 0.3


@given(
    memory_mb=st.integers(128, 10_240), cpu_ms=st.floats(0.5, 200.0), parallel_share=st.sampled_from([0.0, 0.4, 1.0])
)
def test_a_burst_takes_no_less_than_its_cpu_time(memory_mb: int, cpu_ms: float, parallel_share: float) -> None:
    """And just that from one vCPU a thread on."""
    taken_ms = burst_ms(memory_mb, cpu_ms, 0.0, parallel_share)
    at_full_speed = cpu_ms * (1 - parallel_share / 2)
    assert taken_ms >= at_full_speed - 1e-9
    if memory_mb >= 1769 * (2 if parallel_share else 1):
        assert taken_ms == pytest.approx(at_full_speed)


@pytest.mark.parametrize("position", range(0, 60, 3))
def test_a_handler_takes_what_the_simulator_of_the_benchmark_says(position: int) -> None:
    """Bursts, waits and threads alike: two implementations of the rule that share no code."""
    truth = quota_truth(position)
    sizes_mb = [128, 192, 320, 448, 512, 640, 768, 1024, 1536, 2048, 3008]
    handlers = Handlers(
        np.array([[piece.wait_ms for piece in truth.pieces]]),
        np.array([[piece.cpu_ms for piece in truth.pieces]]),
        np.array([2 * truth.second_thread]),
    )
    followed = followed_by_the_bench(
        truth.pieces,
        quota_of(sizes_mb)[:, None],
        np.array(START_MS)[None, :],
        np.ones(1),
        np.ones(1),
        second_thread=truth.second_thread,
    )
    taken = durations_ms(handlers, np.array(sizes_mb, dtype=np.float64), np.array(START_MS))
    np.testing.assert_allclose(taken[0], followed, atol=1e-6)


@given(memory_mb=st.integers(128, 3008), cpu_ms=st.floats(1.0, 60.0), wait_ms=st.floats(0.5, 200.0))
def test_waiting_before_it_computes_costs_a_handler_its_wait(memory_mb: int, cpu_ms: float, wait_ms: float) -> None:
    """And, since it wakes at another moment of its period, a period more at most."""
    handlers = Handlers(np.array([[wait_ms]]), np.array([[cpu_ms]]), np.zeros(1))
    waited_ms = float(durations_ms(handlers, np.array([float(memory_mb)]), np.zeros(1))[0, 0, 0]) - wait_ms
    assert cpu_ms - 1e-9 <= waited_ms <= burst_ms(memory_mb, cpu_ms) + 20.0 + 1e-6


def test_waits_that_leave_no_period_idle_do_not_restart_the_budget() -> None:
    """Two bursts of 7 ms at 752 MB, 4 ms apart, are held back as one; 60 ms apart neither of them is."""
    handlers = Handlers(np.array([[0.0, 4.0], [0.0, 60.0]]), np.full((2, 2), 7.0), np.zeros(2))
    near_ms, far_ms = durations_ms(handlers, np.array([752.0]), np.zeros(1))[:, 0, 0]
    assert near_ms == pytest.approx(22.0)
    assert far_ms == pytest.approx(74.0)


def test_752_mb_needs_one_period_less_than_695() -> None:
    """The step of the measured function that decides what is cheapest."""
    assert burst_ms(752, 17.3, 7.0) < 22 < 33 < burst_ms(695, 17.3, 7.0)
