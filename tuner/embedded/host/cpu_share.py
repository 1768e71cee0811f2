"""CPU time in proportion to the memory size, by stopping and continuing the worker.

Lambda gives a function ``memory / 1,769 MB`` vCPU by the kernel's bandwidth
control, in periods of 20 ms. A process that has used up its quota is seen at
the next tick, 4 ms apart, and does not run until a period pays its debt; what
is left of a quota is lost. (``core/search/cpu_quota.py`` has the rule.) So
short invocations take one period or two, and nothing in between.

An ordinary user has no such cgroup, so the same is done here from outside, with
SIGSTOP and SIGCONT. :class:`Budget` is the account: it says where the rule
would have the worker with the CPU time that it has used. A worker that is ahead
of the rule is stopped until the time has come. So it does not matter that a
signal comes late: what the worker did after its tick, it would have done after
the hold, which lasts as much longer.

The clock of a *running* process lags by up to a tick. So a worker that may have
used up its quota is stopped, its clock is then exact, and it goes on at once if
something is left.

All of it is in time from which the wait for a core is taken away. On this
machine other work may have the core that the worker is ready to run on, which
does not happen on Lambda. The kernel tells how long each thread waited so; for
as long, the clock of the periods stands still, and so does the duration. Taken
off the measured duration alone the same wait would be counted twice below one
vCPU, where the worker spends it in time in which its quota is filled. The same
goes for the time by which a worker is resumed too late.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from tuner.core.aws_limits import CPU_PERIOD_MS, CPU_TICK_MS
from tuner.embedded.host.process_tree import CLOCK_LAG_S, ProcessTree

_LOOK_EVERY_S = 0.002
_BEHIND_THE_TICK_S = 1e-5
"""So that no rounding takes it for the time before."""

SINGLE_THREAD_ERROR_RATIO = 0.1
"""Of the wait that was taken off: by so much it is wrong. What else other work slows, caches for one, is not seen."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What the rule has accounted: *left_ms* of the quota at *at_ms*, since the beginning of a period.

    >>> at_752_mb = Budget(quota_ms=8.5, at_ms=0.0, left_ms=8.5)
    >>> at_752_mb.after(17.3, 17.3, 1).at_ms  # a tick finds it used up after 12 ms
    25.3
    """

    quota_ms: float
    at_ms: float
    left_ms: float

    def after(self, until_ms: float, used_ms: float, threads: float, *, at_first: bool = True) -> Budget:
        """Account for what at most *threads* threads used until *until_ms*, a time that knows of no holding.

        Its ``at_ms`` is later than that by as long as they should have been held. *at_first*: they used it in the
        beginning of that time, rather than in its end.
        """
        quota_ms, at_ms, left_ms = self.quota_ms, self.at_ms, self.left_ms
        threads = max(threads, used_ms / max(until_ms - at_ms, 1e-9))
        while at_ms < until_ms:
            tick_ms = CPU_TICK_MS * (math.floor(at_ms / CPU_TICK_MS) + 1)
            end_ms = min(tick_ms, until_ms)
            if at_first:
                spent_ms = min(used_ms, threads * (end_ms - at_ms))
            else:
                spent_ms = max(0.0, used_ms - threads * (until_ms - end_ms))
            used_ms -= spent_ms
            left_ms -= spent_ms
            at_ms = end_ms
            if at_ms < tick_ms:
                break
            if at_ms % CPU_PERIOD_MS == 0:
                left_ms = min(left_ms + quota_ms, quota_ms)
            if left_ms <= 0:
                periods = math.floor(-left_ms / quota_ms) + 1
                left_ms += periods * quota_ms
                at_ms = CPU_PERIOD_MS * (math.floor(at_ms / CPU_PERIOD_MS) + periods)
                until_ms, at_first = at_ms + used_ms / threads, True
        return Budget(quota_ms, at_ms, left_ms - used_ms)


@dataclass(frozen=True, slots=True)
class _Exact:
    """A moment at which the worker's clock was exact."""

    now_s: float
    budget: Budget
    cpu_s: float
    late_s: float
    was_running: bool
    turn_count: int | None = None
    """How often its threads had got a core; ``None`` where that is unknown, or one of them had one."""
    sleep_count: int | None = None
    """How often they had given one up; ``None`` where that is unknown, or it was asleep in the middle of its work."""


class CpuShare:
    """Holds one invocation to *share* vCPU.

    *start_ms* is how long ago the period began in which it starts. An infinite
    share holds it to nothing; to look at it still counts threads, and the CPU
    time of children more exactly.

    Call :meth:`begin` before the event is delivered, :meth:`look` again and
    again while it runs (each answers after how many seconds to look again),
    and :meth:`settle` at the response.
    """

    def __init__(
        self, tree: ProcessTree, share: float, clock: Callable[[], float] = time.monotonic, *, start_ms: float = 0.0
    ) -> None:
        self._tree = tree
        self._clock = clock
        self._is_limited = math.isfinite(share)
        self._core_count = os.cpu_count() or 1
        quota_ms = share * CPU_PERIOD_MS
        self._exact = self._exact_before = _Exact(
            0.0, Budget(quota_ms, start_ms, quota_ms), 0.0, 0.0, was_running=False
        )
        self._first_cpu_s = 0.0
        self._cpu_s = 0.0
        self._period_began_s = 0.0
        self._stopped = False
        self._looked_at_s = 0.0
        self._running_count = 0
        self._most_running = 0
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
    def stood_still_s(self) -> float:
        """How long the clock of the periods has stood still; no part of the duration."""
        return self.core_wait_s + self._exact.late_s

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
        counts = self._tree.turn_count(), self._tree.sleep_count()
        now_s = self._looked_at_s = self._clock()
        self._exact = self._exact_before = _Exact(now_s, self._exact.budget, self._cpu_s, 0.0, False, *counts)
        self._period_began_s = now_s - self._exact.budget.at_ms / 1e3
        return now_s

    def look(self) -> float:
        """Stop or continue the worker if it is time to; returns the seconds until the next look."""
        now_s = self._clock()
        if self._stopped:
            early_s = (self._exact.budget.at_ms - self._at_ms(now_s)) / 1e3
            return early_s if early_s > 0 else self._go_on()
        self._count_threads()
        self._read(now_s)
        if not self._is_limited:
            return _LOOK_EVERY_S
        if self._running_count == 0:
            if self._has_had_no_turn() and self._exact.sleep_count is not None:
                return self._next_look_s(now_s)  # the event has not reached it
            self._account(now_s)
            if self._exact.budget.at_ms <= self._at_ms(now_s):
                return self._next_look_s(now_s)
        elif not self._may_be_through(now_s):
            return self._next_look_s(now_s)
        self.stop_count += 1
        if not self._tree.stop():
            self._tree.resume()  # it has no core, or starts a child: nobody knows what it has used
            return _LOOK_EVERY_S
        if self._running_count:
            now_s = self._clock()
            self._read(now_s, is_exact=True)
            self._leave_out_waking(now_s)
            self._account(now_s)
            self._exact = replace(self._exact, sleep_count=self._tree.sleep_count())
        self._stopped = True
        return self.look()

    def settle(self, ended_at_s: float) -> float:
        """Let the worker go on, and return the seconds by which the response was early.

        A stop that came late leaves a debt: the kernel would have let the
        response through only after it was paid.
        """
        self._count_threads()
        self._read(ended_at_s, is_exact=True)
        # One thread may have waited while another ran: what was used was not waited for.
        self._overstated_s = max(0.0, self.core_wait_s - max(0.0, self._lost_s))
        self.core_wait_s -= self._overstated_s
        if self._stopped:
            self._stopped = False
            self._tree.resume()
        if ended_at_s < self._exact.now_s:
            self._exact = self._exact_before  # it had ended when it was stopped
        self._leave_out_waking(ended_at_s)
        if not self._is_limited:
            return 0.0
        self._account(ended_at_s)
        return max(0.0, self._exact.budget.at_ms - self._at_ms(ended_at_s)) / 1e3

    def _at_ms(self, now_s: float) -> float:
        """Where *now_s* is on the clock of the periods."""
        return (now_s - self._period_began_s - self.stood_still_s) * 1e3

    def _count_threads(self) -> None:
        thread_count, self._running_count = self._tree.threads()
        self.thread_count = max(self.thread_count, thread_count)
        self._most_running = max(self._most_running, self._running_count)

    def _may_be_through(self, now_s: float) -> bool:
        """Whether a tick has passed at which the quota may have been used up."""
        exact, until_ms = self._exact, self._at_ms(now_s)
        if until_ms <= exact.budget.at_ms or self._has_had_no_turn():
            return False  # it still waits for a core; to be stopped would cost it its turn
        seen_ms, running_count = (self._cpu_s - exact.cpu_s) * 1e3, self._most_running
        # The clock may lag by a tick a thread, but never by more than the time since it was exact.
        passed_ms = until_ms - exact.budget.at_ms
        most_ms = running_count * min(seen_ms / running_count + CLOCK_LAG_S * 1e3, passed_ms)
        if exact.budget.after(until_ms, most_ms, running_count).at_ms > until_ms:
            return True
        if passed_ms > CPU_PERIOD_MS and seen_ms:
            # So old that nobody will know when it was used. What is not seen yet, or a wait for a core, comes after it.
            self._account_for(now_s, exact.budget.at_ms + seen_ms / running_count)
            self._exact = replace(self._exact, turn_count=None, sleep_count=exact.sleep_count)
        return False

    def _has_had_no_turn(self) -> bool:
        """Whether it has certainly not had a core since its clock was exact."""
        turn_count = self._tree.turn_count()
        return turn_count is not None and turn_count == self._exact.turn_count

    def _leave_out_waking(self, now_s: float) -> None:
        """If it has not slept since it was resumed, or got the event, it stood still while it used nothing."""
        exact, sleep_count = self._exact, self._tree.sleep_count()
        if sleep_count is None or sleep_count - 1 != exact.sleep_count or self._most_running > 1:  # one ends it
            return
        passed_s = (self._at_ms(now_s) - exact.budget.at_ms) / 1e3
        still_s = max(0.0, passed_s - (self._cpu_s - exact.cpu_s))
        self._exact = replace(exact, late_s=exact.late_s + still_s)

    def _account(self, now_s: float) -> None:
        """Bring the budget up to date: the worker's clock is exact."""
        self._account_for(now_s, self._at_ms(now_s))

    def _account_for(self, now_s: float, until_ms: float) -> None:
        exact, used_ms = self._exact, (self._cpu_s - self._exact.cpu_s) * 1e3
        threads = max(1, self._most_running)
        budget = exact.budget.after(until_ms, used_ms, threads, at_first=exact.was_running)
        self._exact_before = exact
        self._exact = _Exact(
            now_s,
            budget,
            self._cpu_s,
            exact.late_s,
            was_running=self._running_count > 0,
            turn_count=self._tree.turn_count(),
        )
        self._most_running = self._running_count

    def _read(self, now_s: float, *, is_exact: bool = False) -> None:
        """Read the CPU time, and take off what the threads waited for a core since the last look."""
        cpu_s = max(self._cpu_s, self._tree.cpu_s())
        used_s, self._cpu_s = cpu_s - self._cpu_s, cpu_s
        passed_s, self._looked_at_s = now_s - self._looked_at_s, now_s
        before_s, self._run_delay_s = self._run_delay_s, self._tree.run_delay_s()
        if before_s is None or self._run_delay_s is None:
            return
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

    def _go_on(self) -> float:
        exact, now_s = self._exact, self._clock()
        if exact.was_running:
            late_s = (self._at_ms(now_s) - exact.budget.at_ms) / 1e3
            self._exact = replace(exact, late_s=exact.late_s + max(0.0, late_s))
        self._stopped, self._looked_at_s = False, now_s
        self._tree.resume()
        return self._next_look_s(now_s)

    def _next_look_s(self, now_s: float) -> float:
        into_tick_ms = self._at_ms(now_s) % CPU_TICK_MS
        return min(_LOOK_EVERY_S, (CPU_TICK_MS - into_tick_ms) / 1e3 + _BEHIND_THE_TICK_S)
