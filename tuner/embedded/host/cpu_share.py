"""CPU time in proportion to the memory size, by stopping and continuing the worker.

Lambda gives a function ``memory / 1,769 MB`` vCPU by the kernel's bandwidth
control: a quota for every period of 20 ms, and a process that has used it up
does not run until the next one begins. An ordinary user has no such cgroup, so
the same is done here from outside, with SIGSTOP and SIGCONT: a bucket holds
what is left of the quota; debt is carried over; what is left over is lost. As
in the kernel it is filled at the edges of a clock that the invocation knows
nothing of, not when the invocation begins. (Filled continuously, it would let a
burst have a whole quota and the refill as well: with two threads at 1,769 MB
the duration came out 12 % short, where this way and the kernel's give 3 to 4 %.)

The clock of a *running* process lags by up to a tick, which is more than the
whole quota of a small size. So a worker that might have used up its quota is
stopped, its clock is then exact, and it goes on if something is left.

All of it is in time from which the wait for a core is taken away. On this
machine other work may have the core that the worker is ready to run on, which
does not happen on Lambda. The kernel tells how long each thread waited so; for
as long, the clock of the periods stands still, and so does the duration. Taken
off the measured duration alone the same wait would be counted twice below one
vCPU, where the worker spends it in time in which its quota is filled: with two
busy loops on two cores 60 ms of work at 1,024 MB would come out 0.59 times as
long as they should.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable

from tuner.embedded.host.process_tree import CLOCK_LAG_S, ProcessTree

PERIOD_S = 0.02
"""Lambda's period is taken to be 20 ms; with one of 100 ms, invocations of 50 to 300 ms come out 15 to 47 % short."""

_LOOK_EVERY_S = 0.002
_SHORTEST_LOOK_S = 0.0003
_EDGE_S = 1e-6
"""Just behind the edge of a period, so that no rounding takes it for the period before."""

SINGLE_THREAD_ERROR_RATIO = 0.1
"""Of the wait that was taken off: by so much it is wrong. What else other work slows, caches for one, is not seen."""

_TOO_LITTLE_S = 0.0002
"""With less than this left it is not worth going on before the next period."""


class CpuShare:
    """Holds one invocation to *share* vCPU.

    *phase_s* is where the edges of the periods are. It should be random:
    invocations in a row would otherwise all begin at the same place of a
    period, and be short or long by the same up to 20 ms.

    An infinite share holds it to nothing; to look at it still counts threads,
    and the CPU time of children more exactly.

    Call :meth:`begin` before the event is delivered, :meth:`look` again and
    again while it runs (each answers after how many seconds to look again),
    and :meth:`settle` at the response.
    """

    def __init__(
        self, tree: ProcessTree, share: float, clock: Callable[[], float] = time.monotonic, *, phase_s: float = 0.0
    ) -> None:
        self._tree = tree
        self._clock = clock
        self._phase_s = phase_s
        self._share = share
        self._quota_s = share * PERIOD_S
        self._core_count = os.cpu_count() or 1
        self._left_s = self._quota_s
        self._cpu_s = 0.0
        self._first_cpu_s = 0.0
        self._period = 0
        self._exact_at_s = 0.0
        self._resume_at_s = 0.0
        self._stopped = False
        self._could_pass_quota = False
        self._looked_at_s = 0.0
        self._running_count = 0
        self._run_delay_s: float | None = None
        self._waited_s = 0.0
        self._together_s = 0.0
        self._lost_s = 0.0
        self._overstated_s = 0.0
        self.core_wait_s = 0.0
        """How long the invocation stood still because others had the cores."""
        self.stop_count = 0
        self.thread_count = 0
        """The most threads that were seen at once."""

    @property
    def cpu_s(self) -> float:
        """CPU seconds of the invocation so far, as last read."""
        return self._cpu_s - self._first_cpu_s

    @property
    def core_wait_error_s(self) -> float:
        """How far off the duration may be for that wait: all of it, where several threads waited at once.

        Whether the last one to end was among those that waited is not known. A wait that the CPU time spoke against
        is as doubtful as far as it did.
        """
        if not self.core_wait_s:
            return self._overstated_s
        together = self._together_s / self._waited_s
        return self._overstated_s + self.core_wait_s * (together + SINGLE_THREAD_ERROR_RATIO * (1 - together))

    def begin(self) -> float:
        """Start with a full quota: the worker has slept until now.

        Returns:
            When the duration begins, by the clock: what is taken off for a wait
            lies behind this moment, so no duration comes out below zero.
        """
        self._count_threads()  # first, as it also reads what children that have ended used before
        self._cpu_s = self._first_cpu_s = self._tree.cpu_s()
        self._run_delay_s = self._tree.run_delay_s()
        now_s = self._looked_at_s = self._clock()
        self._period = int((now_s - self._phase_s) / PERIOD_S)
        self._left_s = self._quota_s
        self._mark_exact(now_s)
        return now_s

    def look(self) -> float:
        """Stop or continue the worker if it is time to; returns the seconds until the next look."""
        now_s = self._clock()
        if self._stopped:
            if now_s < self._resume_at_s:
                return self._resume_at_s - now_s
            self._account(now_s)
            return self._go_on(now_s)
        thread_count, running_count = self._count_threads()
        self._account(now_s)
        if not self._can_pass_quota(thread_count):
            return _LOOK_EVERY_S
        self._could_pass_quota = True
        if running_count == 0:
            self._mark_exact(now_s)
        # The clock may lag by a tick a thread, but never by more than the time since it was exact.
        unseen_s = running_count * min(CLOCK_LAG_S, now_s - self._exact_at_s)
        if self._left_s - unseen_s > 0:
            return self._next_look_s(self._left_s - unseen_s, running_count)
        self._tree.stop()
        self.stop_count += 1
        now_s = self._clock()
        self._account(now_s, is_exact=True)
        if self._left_s > _TOO_LITTLE_S:
            return self._go_on(now_s)
        self._stopped = True
        periods = max(1, math.ceil((_TOO_LITTLE_S - self._left_s) / self._quota_s))
        self._resume_at_s = self._phase_s + (self._period + periods) * PERIOD_S + _EDGE_S + self.core_wait_s
        return max(self._resume_at_s - now_s, 0.0)

    def settle(self, ended_at_s: float) -> float:
        """Let the worker go on, and return the seconds by which the response was early.

        A stop that came late leaves a debt: the kernel would have let the
        response through only after it was paid.
        """
        thread_count, _ = self._count_threads()
        self._account(ended_at_s, is_exact=True)
        # One thread may have waited while another ran: what was used was not waited for.
        self._overstated_s = max(0.0, self.core_wait_s - max(0.0, self._lost_s))
        self.core_wait_s -= self._overstated_s
        if self._stopped:
            self._stopped = False
            self._tree.resume()
        if not self._could_pass_quota and not self._can_pass_quota(thread_count):
            return 0.0  # what looks like debt is the lag of the clock
        return max(0.0, -self._left_s) / self._share

    def _count_threads(self) -> tuple[int, int]:
        thread_count, running_count = self._tree.threads()
        self.thread_count = max(self.thread_count, thread_count)
        self._running_count = running_count
        return thread_count, running_count

    def _can_pass_quota(self, thread_count: int) -> bool:
        """Whether the threads could use more than the quota if all of them ran."""
        return min(thread_count, self._core_count) > self._share

    def _account(self, now_s: float, *, is_exact: bool = False) -> None:
        cpu_s = self._tree.cpu_s()
        used_s = max(0.0, cpu_s - self._cpu_s)
        self._cpu_s = max(cpu_s, self._cpu_s)
        waited_s = self._take_off_wait(now_s, used_s, is_exact=is_exact)
        if self._running_count and not (self._stopped or is_exact or used_s or waited_s):
            return  # it may be waiting for a core, which the kernel reports only afterwards: no period passes meanwhile
        period = int((now_s - self.core_wait_s - self._phase_s) / PERIOD_S)
        refill_s = max(0, period - self._period) * self._quota_s
        self._period = max(period, self._period)
        # Netted before it is capped: capping first would lose what was used meanwhile, 18 % at small sizes.
        self._left_s += refill_s - used_s
        if refill_s:
            # What a stopped worker had left was kept from it; it would have used it.
            kept_s = _TOO_LITTLE_S if self._stopped else 0.0
            self._left_s = min(self._quota_s + kept_s, self._left_s)

    def _take_off_wait(self, now_s: float, used_s: float, *, is_exact: bool) -> float:
        """Add what the threads waited for a core since the last look; returns it."""
        passed_s, self._looked_at_s = now_s - self._looked_at_s, now_s
        before_s, self._run_delay_s = self._run_delay_s, self._tree.run_delay_s()
        if before_s is None or self._run_delay_s is None:
            return 0.0
        waited_s = max(0.0, self._run_delay_s - before_s)
        at_once = max(1, min(self._running_count, self._core_count))
        self._waited_s += waited_s / at_once
        if at_once > 1:
            self._together_s += waited_s / at_once
        if not self._stopped:
            self._lost_s += passed_s - used_s / at_once
        # Threads that wait for each other while all cores are theirs have lost nothing to others.
        unseen_s = CLOCK_LAG_S if at_once > 1 and not is_exact else 0.0
        self.core_wait_s = max(self.core_wait_s, min(self._waited_s, self._lost_s - unseen_s))
        return waited_s

    def _go_on(self, now_s: float) -> float:
        self._mark_exact(now_s)
        self._stopped = False
        self._tree.resume()
        return self._next_look_s(self._left_s, 1)

    def _mark_exact(self, now_s: float) -> None:
        self._exact_at_s = now_s

    @staticmethod
    def _next_look_s(left_s: float, running_count: int) -> float:
        return min(_LOOK_EVERY_S, max(_SHORTEST_LOOK_S, left_s / max(1, running_count)))
