"""How long a handler takes under Lambda's CPU quota: in steps of its period, not along a curve.

Linux hands a Lambda function its CPU by CFS bandwidth control: a budget of
``20 ms × memory size ÷ 1,769 MB`` each period of 20 ms. The budget is looked at
only at ticks, 4 ms apart and aligned with the periods, so a burst of CPU runs on
until a tick finds it used up, waits for the period that pays its debt, and goes
on. At each period the budget is set to the quota again: a debt is carried over,
and nothing is saved. A handler starts some milliseconds after its period began,
which decides at which tick it is stopped; where it starts is not known and
differs between invocations. A handler that waits goes on paying its debt, and
after a whole period without CPU time the next burst begins a period of its own.

The rule was fitted to 975,000 durations of one function that only computes
(public artefact of arXiv 2506.01283): AWS documents none of it, and what a wait
does is an assumption about the same kernel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tuner.core.aws_limits import CPU_PERIOD_MS, CPU_TICK_MS, ONE_VCPU_MB
from tuner.core.search.space import FloatArray, IntArray

_TICKS_PER_PERIOD = CPU_PERIOD_MS / CPU_TICK_MS
_IDLE_BOUNDARIES = 2
"""Boundaries of periods in a wait that make one whole period of it idle, at least."""
_NOTHING_MS = 1e-9


@dataclass(frozen=True)
class Handlers:
    """Handlers as parallel arrays: each waits and computes in pieces."""

    wait_ms: FloatArray
    """Handlers × pieces: the wait before each burst."""
    cpu_ms: FloatArray
    """Handlers × pieces: the burst's CPU time at full speed, over all its threads; 0 after a last wait."""
    parallel_share: FloatArray
    """Handlers: of each burst's CPU time, what two threads do side by side before one does the rest."""


def burst_ms(memory_mb: float, cpu_ms: float, start_ms: float = 0.0, parallel_share: float = 0.0) -> float:
    """What one burst takes that starts so long after a period began; *parallel_share* as in `Handlers`.

    >>> round(burst_ms(1769, 17.3), 1), round(burst_ms(752, 17.3), 1), round(burst_ms(128, 17.3), 1)
    (17.3, 25.3, 221.3)
    """
    burst = Handlers(np.zeros((1, 1)), np.array([[cpu_ms]]), np.array([parallel_share]))
    return float(durations_ms(burst, np.array([float(memory_mb)]), np.array([start_ms]))[0, 0, 0])


def durations_ms(handlers: Handlers, memory_mb: FloatArray, starts_ms: FloatArray) -> FloatArray:
    """Handlers × sizes × starts: what an invocation takes that starts so long after a period began."""
    quota, parallel = quota_ms(memory_mb), np.minimum(handlers.parallel_share, 1.0)
    at_full_speed = handlers.wait_ms.sum(axis=1) + handlers.cpu_ms.sum(axis=1) * (1 - parallel / 2)
    result = np.tile(at_full_speed[:, None, None], (1, len(memory_mb), len(starts_ms)))
    held_back = quota[None, :] < CPU_PERIOD_MS * np.where(parallel > 0, 2.0, 1.0)[:, None]
    each, size = np.nonzero(held_back)
    rows, start = (index.ravel() for index in np.indices((len(each), len(starts_ms))))
    clock = _Clock(quota[size[rows]], starts_ms[start])
    for piece in range(handlers.cpu_ms.shape[1]):
        clock.wait(handlers.wait_ms[each, piece][rows])
        cpu_ms = handlers.cpu_ms[each, piece]
        clock.compute((cpu_ms * parallel[each])[rows], 2.0)
        clock.compute((cpu_ms * (1 - parallel[each]))[rows], 1.0)
    result[each, size] = clock.elapsed_ms.reshape(-1, len(starts_ms))
    return result


def quota_ms(memory_mb: FloatArray) -> FloatArray:
    """CPU milliseconds that a size gets in each period."""
    return np.asarray(CPU_PERIOD_MS * memory_mb / ONE_VCPU_MB)


class _Clock:
    """Invocations side by side, each with its period's phase and what is left of its budget."""

    def __init__(self, quota: FloatArray, start_ms: FloatArray) -> None:
        self._quota = quota
        self._phase_ms = start_ms
        self._left_ms = quota.copy()
        """Negative: a debt."""
        self._held = np.zeros(len(quota), dtype=np.bool_)
        """Whether it may not run before the next boundary that pays its debt."""
        self.elapsed_ms = np.zeros(len(quota))

    def wait(self, wait_ms: FloatArray) -> None:
        """Let each wait so long; 0 changes nothing."""
        rows = np.flatnonzero(wait_ms > 0)
        if not len(rows):
            return
        quota, taken = self._quota[rows], wait_ms[rows]
        boundaries, phase_ms = np.divmod(self._phase_ms[rows] + taken, CPU_PERIOD_MS)
        left_ms = np.minimum(quota, self._left_ms[rows] + boundaries * quota)
        idle = (boundaries >= _IDLE_BOUNDARIES) & (left_ms >= quota)
        self._phase_ms[rows] = np.where(idle, 0.0, phase_ms)
        self._left_ms[rows] = left_ms
        self._held[rows] = left_ms <= _NOTHING_MS
        self.elapsed_ms[rows] += taken

    def compute(self, cpu_ms: FloatArray, threads: float) -> None:
        """Let each compute so much, on as many threads at once."""
        rows = np.flatnonzero(cpu_ms > 0)
        if not len(rows):
            return
        phase, left, todo = self._phase_ms[rows], self._left_ms[rows], cpu_ms[rows] / threads
        # The first tick that finds the budget used up, or the period's end.
        tick = np.maximum(
            np.floor(phase / CPU_TICK_MS) + 1, np.ceil((phase + left / threads) / CPU_TICK_MS - _NOTHING_MS)
        )
        stop = np.where(self._held[rows], phase, np.minimum(CPU_TICK_MS * tick, CPU_PERIOD_MS))
        runs = np.minimum(stop - phase, todo)
        left = left - threads * runs
        ends = todo - runs <= _NOTHING_MS
        self.elapsed_ms[rows] += np.where(ends, runs, CPU_PERIOD_MS - phase)
        self._phase_ms[rows] = np.where(ends, phase + runs, 0.0)
        self._left_ms[rows], self._held[rows] = left, False
        if not ends.all():
            goes_on = ~ends
            self._compute_on(rows[goes_on], (todo - runs)[goes_on], left[goes_on], threads)

    def _compute_on(self, rows: IntArray, todo: FloatArray, left: FloatArray, threads: float) -> None:
        """Go on from a boundary, which has not yet been paid, for *todo* milliseconds of running."""
        quota = self._quota[rows]
        a_tick = CPU_TICK_MS * threads
        # A quota of a tick at most is used up by each tick: all but the last are known at once.
        full = np.where(quota <= a_tick, np.ceil(todo / CPU_TICK_MS - _NOTHING_MS) - 1, 0.0)
        todo = todo - CPU_TICK_MS * full
        # What is left at a boundary is lost, and a debt is not.
        left = np.minimum(left, 0.0) - a_tick * full
        boundaries = np.maximum(np.floor(-left / quota + _NOTHING_MS), 0.0)
        elapsed = CPU_PERIOD_MS * boundaries
        left = np.minimum(left + (boundaries + 1) * quota, quota)
        while True:
            runs = np.minimum(CPU_TICK_MS * np.minimum(np.ceil(left / a_tick - _NOTHING_MS), _TICKS_PER_PERIOD), todo)
            todo = todo - runs
            left = left - threads * runs
            ends = todo <= _NOTHING_MS
            if ends.any():
                ended, last = rows[ends], runs[ends]
                self.elapsed_ms[ended] += elapsed[ends] + last
                self._phase_ms[ended], self._left_ms[ended] = last, left[ends]
                goes_on = np.flatnonzero(~ends)
                if not len(goes_on):
                    return
                rows, todo, quota = rows[goes_on], todo[goes_on], quota[goes_on]
                left, elapsed = left[goes_on], elapsed[goes_on]
            boundaries = np.maximum(np.floor(-left / quota + _NOTHING_MS) + 1, 1.0)
            elapsed = elapsed + CPU_PERIOD_MS * boundaries
            left = np.minimum(left + boundaries * quota, quota)
