"""How long a burst of CPU takes under Lambda's quota: in steps of its period, not along a curve.

Linux hands a Lambda function its CPU by CFS bandwidth control: a budget of
``20 ms × memory size ÷ 1,769 MB`` each period of 20 ms. The budget is looked at
only at ticks, 4 ms apart and aligned with the periods, so a burst runs on until
a tick finds it used up, waits for the period that pays its debt, and goes on. At
each period the budget is set to the quota again: a debt is carried over, and
nothing is saved. A function's handler starts some milliseconds after its period
began, which decides at which tick it is stopped; where it starts is not known
and differs between invocations.

While it lasts, a burst does not influence when it may run. So each size and
start has one pattern of running and waiting, and all durations are read from it.
The rule was fitted to 975,000 durations of one function (public artefact of
arXiv 2506.01283): AWS documents none of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tuner.core.aws_limits import CPU_PERIOD_MS, CPU_TICK_MS, ONE_VCPU_MB, SEEN_STARTS_MS
from tuner.core.search.space import FloatArray

_TICKS_PER_PERIOD = round(CPU_PERIOD_MS / CPU_TICK_MS)
STARTS_MS = (*SEEN_STARTS_MS, 11.0, 15.5)
"""After the period's begin: where handlers were seen to start, and later."""
LEAST_CPU_MS, MOST_CPU_MS = 0.5, 256.0
LOG_CPU_STEP = 0.0125
LOG_CPU_MS = np.arange(np.log(LEAST_CPU_MS), np.log(MOST_CPU_MS) + LOG_CPU_STEP, LOG_CPU_STEP)
"""The CPU times, in log, at which durations are tabulated."""


def burst_ms(memory_mb: float, cpu_ms: float, start_ms: float = 0.0, threads: float = 1.0) -> float:
    """How long a burst takes that starts *start_ms* after a period began.

    *cpu_ms* is its CPU time at full speed, over all its *threads*: how many run at once, on average.

    >>> round(burst_ms(1769, 17.3), 1), round(burst_ms(752, 17.3), 1), round(burst_ms(128, 17.3), 1)
    (17.3, 25.3, 221.3)
    """
    starts = (start_ms,)
    wall, cpu = _pattern((float(memory_mb),), starts, threads, cpu_ms)
    return float(_ends(wall, cpu, np.array([cpu_ms]), starts, _rate(np.array([memory_mb]), threads))[0, 0, 0])


@dataclass(frozen=True)
class BurstTable:
    """Durations of bursts in milliseconds: sizes × starts × CPU times of LOG_CPU_MS."""

    memory_mb: tuple[float, ...]
    threads: float
    duration_ms: FloatArray


@lru_cache(maxsize=4)
def burst_table(memory_mb: tuple[float, ...], threads: float) -> BurstTable:
    """The durations at some sizes, for every start in STARTS_MS and every CPU time in LOG_CPU_MS."""
    cpu_ms = np.exp(LOG_CPU_MS)
    wall, cpu = _pattern(memory_mb, STARTS_MS, threads, float(cpu_ms[-1]))
    duration_ms = _ends(wall, cpu, cpu_ms, STARTS_MS, _rate(np.array(memory_mb), threads))
    return BurstTable(memory_mb, threads, duration_ms)


def quota_ms(memory_mb: FloatArray) -> FloatArray:
    """CPU milliseconds that a size gets in each period."""
    return np.asarray(CPU_PERIOD_MS * memory_mb / ONE_VCPU_MB)


def vcpus(memory_mb: FloatArray) -> FloatArray:
    """How many vCPUs a size has (seen by users, re:Invent 2020; AWS documents only 1 at 1,769 MB and 6 at 10,240)."""
    return np.asarray(2.0 + np.searchsorted(np.array([3_008.0, 5_307.0, 7_076.0, 8_845.0]), memory_mb, side="left"))


def _rate(memory_mb: FloatArray, threads: float) -> FloatArray:
    """CPU milliseconds used in a millisecond that it may run."""
    return np.asarray(np.minimum(threads, vcpus(memory_mb)))


def _pattern(
    memory_mb: tuple[float, ...], starts_ms: tuple[float, ...], threads: float, most_cpu_ms: float
) -> tuple[FloatArray, FloatArray]:
    """Ends of the ticks' intervals (ticks), and the CPU used until then: ticks × sizes × starts."""
    sizes = np.array(memory_mb)
    quota, rate = quota_ms(sizes)[:, None], _rate(sizes, threads)[:, None]
    starts = np.array(starts_ms)[None, :]
    budget = np.zeros((len(sizes), len(starts_ms)))
    used = np.zeros_like(budget)
    running = np.ones_like(budget)
    history: list[FloatArray] = []
    begin = 0.0
    while not history or history[-1].min() < most_cpu_ms:
        if len(history) % _TICKS_PER_PERIOD == 0:
            budget = np.minimum(budget + quota, quota)
            running = np.where(budget > 0, 1.0, running)
        spent = np.clip(begin + CPU_TICK_MS - starts, 0.0, CPU_TICK_MS) * rate * running
        used = used + spent
        budget = budget - spent
        running = np.where(budget > 0, running, 0.0)
        history.append(used)
        begin += CPU_TICK_MS
    return np.asarray(CPU_TICK_MS * np.arange(1, len(history) + 1)), np.array(history)


def _ends(
    wall_ms: FloatArray, used_ms: FloatArray, cpu_ms: FloatArray, starts_ms: tuple[float, ...], rate: FloatArray
) -> FloatArray:
    """When each CPU time is done, from its start on: sizes × starts × CPU times."""
    _, size_count, start_count = used_ms.shape
    result = np.empty((size_count, start_count, len(cpu_ms)))
    for size in range(size_count):
        for start in range(start_count):
            used = used_ms[:, size, start]
            tick = np.searchsorted(used, cpu_ms * (1 - 1e-12))
            result[size, start] = wall_ms[tick] - (used[tick] - cpu_ms) / rate[size] - starts_ms[start]
    return result
