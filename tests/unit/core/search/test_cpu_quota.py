"""The quota's steps against measured durations, and against following a burst from tick to tick."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.steps import measured
from tuner.core.search.cpu_quota import LOG_CPU_MS, STARTS_MS, burst_ms, burst_table, vcpus

MEASURED_MS = {int(row["memory_mb"]): row["mean_ms"] for row in measured()}
"""Means of one real function."""
CROSSED_MB = {130: 212, 110: 246, 90: 296, 70: 367, 50: 484, 30: 716}
"""Where the mean of the same function passes a duration in milliseconds."""
SEEN_CPU_MS = np.linspace(16.95, 17.75, 9)
SEEN_STARTS_MS = {0.0: 0.475, 3.05: 0.138, 3.25: 0.138, 3.45: 0.138, 7.0: 0.111}
"""How often its invocations start so long after the period, as fitted to its durations."""


def mean_ms(memory_mb: float) -> float:
    """The mechanism's mean for that function."""
    return float(
        sum(
            share * np.mean([burst_ms(memory_mb, cpu_ms, start_ms) for cpu_ms in SEEN_CPU_MS])
            for start_ms, share in SEEN_STARTS_MS.items()
        )
    )


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
    rate = min(threads, int(vcpus(np.array([memory_mb]))[0]))
    step, now = 0, round(start_ms * 100)
    budget, left, runs = quota, cpu_ms, True
    while left > 1e-9:
        if runs:
            used = min(left, rate * 0.01)
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
    start_ms=st.sampled_from(STARTS_MS),
    threads=st.sampled_from([1, 2]),
)
def test_a_burst_takes_what_following_it_takes(memory_mb: int, cpu_ms: float, start_ms: float, threads: int) -> None:
    """But for the steps of the one that follows it, which may find a budget used up a tick later."""
    near = {round(followed_ms(memory_mb, cpu_ms * factor, start_ms, threads), 1) for factor in (0.998, 1.0, 1.002)}
    taken_ms = burst_ms(memory_mb, cpu_ms, start_ms, threads)
    assert min(near) - 0.3 <= taken_ms <= max(near) + 0.3


@given(memory_mb=st.integers(128, 10_240), cpu_ms=st.floats(0.5, 200.0), threads=st.sampled_from([1.0, 1.6, 2.0]))
def test_a_burst_takes_no_less_than_its_cpu_time(memory_mb: int, cpu_ms: float, threads: float) -> None:
    """And just that from one vCPU a thread on."""
    taken_ms = burst_ms(memory_mb, cpu_ms, 0.0, threads)
    assert taken_ms >= cpu_ms / threads - 1e-9
    if memory_mb >= 1769 * threads:
        assert taken_ms == pytest.approx(cpu_ms / threads)


def test_752_mb_needs_one_period_less_than_695() -> None:
    """The step of the measured function that decides what is cheapest."""
    assert burst_ms(752, 17.3, 7.0) < 22 < 33 < burst_ms(695, 17.3, 7.0)


def test_the_table_holds_the_same() -> None:
    """Sizes × starts × CPU times."""
    table = burst_table((128.0, 752.0, 3008.0), 2.0)
    assert table.duration_ms.shape == (3, len(STARTS_MS), len(LOG_CPU_MS))
    for cpu in (0, 200, len(LOG_CPU_MS) - 1):
        assert table.duration_ms[1, 3, cpu] == pytest.approx(burst_ms(752, float(np.exp(LOG_CPU_MS[cpu])), 7.0, 2.0))
