"""The bucket that holds a worker to its share, on a simulated machine in virtual time."""

from __future__ import annotations

import math
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuner.embedded.host.cpu_share import PERIOD_S, CpuShare

TICK_S = 0.004
"""The clock of a running process moves at the ticks of the kernel only."""


class SimulatedMachine:
    """A worker with threads that want to run whenever they may, and a clock that lags while they do.

    With *rivals_s* other work has all the cores every second time slice of this
    length, and the kernel tells how long the threads waited, once they run again.
    """

    def __init__(self, *, thread_count: int, work_s: float, starts_at_s: float, rivals_s: float | None = None) -> None:
        self.rivals_s = rivals_s
        self.delay_s = 0.0
        self.shown_delay_s = 0.0
        self.now_s = starts_at_s
        self.thread_count = thread_count
        self.left_s = work_s
        self.used_s = 0.0
        self.shown_s = 0.0
        self.is_stopped = False

    def clock(self) -> float:
        """The time now."""
        return self.now_s

    @property
    def is_working(self) -> bool:
        """Whether its threads run."""
        return not self.is_stopped and self.left_s > 0

    @property
    def waits_for_core(self) -> bool:
        """Whether others have the cores."""
        return self.rivals_s is not None and int(self.now_s / self.rivals_s) % 2 == 1

    def advance(self, seconds: float) -> None:
        """Let time pass, to the end of the work at most."""
        seconds = max(seconds, 1e-9)  # real time never stands still
        while seconds > 1e-12:
            to_tick_s = max(1e-7, TICK_S - self.now_s % TICK_S)  # not so little that the sum stands still
            step_s = min(seconds, to_tick_s)
            if self.rivals_s is not None:
                step_s = min(step_s, max(1e-7, self.rivals_s - self.now_s % self.rivals_s))
            if self.is_working and self.waits_for_core:
                self.delay_s += step_s * self.thread_count
                self.now_s += step_s
                seconds -= step_s
                continue
            self.shown_delay_s = self.delay_s
            if self.is_working:
                step_s = max(1e-12, min(step_s, self.left_s / self.thread_count))
                self.used_s += step_s * self.thread_count
                self.left_s = max(0.0, self.left_s - step_s * self.thread_count)
                if self.left_s < 1e-9:
                    self.left_s = 0.0
            self.now_s += step_s
            seconds -= step_s
            if step_s == to_tick_s or not self.is_working:
                self.shown_s = self.used_s
            if self.left_s == 0:
                return

    def cpu_s(self) -> float:
        """What the clock shows."""
        return self.shown_s

    def threads(self) -> tuple[int, int]:
        """All, and the running."""
        return self.thread_count, self.thread_count if self.is_working else 0

    def stop(self) -> None:
        """Stop, which takes a core; the clocks are exact then."""
        while self.is_working and self.waits_for_core:
            self.advance(1e-4)
        self.shown_delay_s = self.delay_s
        self.is_stopped = True
        self.shown_s = self.used_s

    def resume(self) -> None:
        """Go on."""
        self.is_stopped = False

    def memory_bytes(self) -> int:
        """None of interest."""
        return 0

    def peak_memory_bytes(self) -> int:
        """None of interest."""
        return 0

    def run_delay_s(self) -> float | None:
        """What the kernel shows; nothing where there are no rivals."""
        return None if self.rivals_s is None else self.shown_delay_s

    def kill(self) -> None:
        """End."""
        self.is_stopped = True


def duration_s(machine: SimulatedMachine, share: float, late_s: float = 0.0) -> float:
    """How long the machine's work takes; every look comes *late_s* too late."""
    return duration_of(machine, CpuShare(machine, share, machine.clock), late_s)


def duration_of(machine: SimulatedMachine, bucket: CpuShare, late_s: float = 0.0) -> float:
    """The same, with the wait for a core still in it."""
    began_s = machine.now_s
    bucket.begin()
    for _ in range(100_000):
        if machine.left_s == 0:
            break
        machine.advance(bucket.look() + late_s)
    assert machine.left_s == 0
    return machine.now_s - began_s + bucket.settle(machine.now_s)


@pytest.mark.parametrize("memory_mb", [128, 512, 1024, 1769, 2500])
@pytest.mark.parametrize("thread_count", [1, 2])
@pytest.mark.parametrize("rivals_s", [0.003, 0.008])
def test_other_work_is_not_in_the_duration(memory_mb: int, thread_count: int, rivals_s: float) -> None:
    """Beside others that have the cores half of the time, 60 ms of work of a thread take as long as on a calm machine.

    As measured it would be 1.2 times as long at 1,024 MB and twice at 1,769;
    with the wait taken off a duration in which the quota was filled meanwhile,
    0.6 times at 1,024 MB and 0.8 times at 512.
    """
    share, work_s = memory_mb / 1769, 0.06 * thread_count
    calm = SimulatedMachine(thread_count=thread_count, work_s=work_s, starts_at_s=0.1)
    busy = SimulatedMachine(thread_count=thread_count, work_s=work_s, starts_at_s=0.1, rivals_s=rivals_s)
    bucket = CpuShare(busy, share, busy.clock)

    took_s = duration_of(busy, bucket)

    assert took_s - bucket.core_wait_s == pytest.approx(duration_s(calm, share), abs=0.006)
    assert bucket.core_wait_s > 0.03
    expected_error = bucket.core_wait_s * (0.1 if thread_count == 1 else 1.0)
    assert bucket.core_wait_error_s == pytest.approx(expected_error, rel=0.2)


class OwnCrowd(SimulatedMachine):
    """More threads than cores, all of which are theirs: they wait for each other."""

    def threads(self) -> tuple[int, int]:
        """Twice as many as run."""
        return 2 * self.thread_count, self.thread_count

    def run_delay_s(self) -> float:
        """As many wait as run."""
        return self.used_s


def test_threads_that_wait_for_each_other_wait_for_nobody_else() -> None:
    """A pool that is larger than the machine has lost nothing to other work."""
    crowd = OwnCrowd(thread_count=os.cpu_count() or 1, work_s=0.3, starts_at_s=0.0)
    bucket = CpuShare(crowd, math.inf, crowd.clock)

    duration_of(crowd, bucket)

    assert bucket.core_wait_s <= 0.002


class Onlooker(SimulatedMachine):
    """A second thread waits for a core all the time, while the first has one; it is not seen to be ready."""

    def threads(self) -> tuple[int, int]:
        """Two, of which one runs."""
        return 2, 1

    def run_delay_s(self) -> float:
        """The second one's wait."""
        return self.now_s


@pytest.mark.parametrize("work_s", [0.003, 0.03])
def test_what_was_used_was_not_waited_for(work_s: float) -> None:
    """An invocation never comes out shorter than its CPU time, and says how doubtful it is."""
    machine = Onlooker(thread_count=1, work_s=work_s, starts_at_s=0.1)
    bucket = CpuShare(machine, math.inf, machine.clock)

    took_s = duration_of(machine, bucket)

    assert took_s - bucket.core_wait_s >= work_s - 1e-6
    assert bucket.core_wait_s + bucket.core_wait_error_s >= 0.5 * min(work_s, TICK_S)


class DelayedObserver(Onlooker):
    """Whoever looks at the clock loses the core each time, for as long as a short invocation takes."""

    def clock(self) -> float:
        """The time now, which is past when it is used."""
        seen_s = self.now_s
        self.now_s += 0.005
        return seen_s


def test_no_duration_is_below_zero() -> None:
    """A wait that was over when the duration began is not taken off it."""
    machine = DelayedObserver(thread_count=1, work_s=0.0, starts_at_s=0.1)
    bucket = CpuShare(machine, math.inf, machine.clock)

    began_s = bucket.begin()
    bucket.look()
    ended_s = machine.now_s
    debt_s = bucket.settle(ended_s)

    assert bucket.core_wait_s == pytest.approx(ended_s - began_s)
    assert ended_s - began_s + debt_s - bucket.core_wait_s >= -1e-9


@given(
    memory_mb=st.integers(128, 3008),
    work_s=st.floats(0.005, 1.0),
    starts_at_s=st.floats(0, 100),
    thread_count=st.integers(1, 2),
    late_s=st.sampled_from([0.0, 0.0002, 0.001]),
)
@settings(deadline=None, max_examples=200)
def test_duration_is_cpu_over_share(
    memory_mb: int, work_s: float, starts_at_s: float, thread_count: int, late_s: float
) -> None:
    """Whatever the size and the phase, the work takes its CPU time over the share, less the free first quotas."""
    share = memory_mb / 1769
    machine = SimulatedMachine(thread_count=thread_count, work_s=work_s, starts_at_s=starts_at_s)

    took_s = duration_s(machine, share, late_s)

    expected_s = work_s / min(share, thread_count)
    at_full_speed_s = work_s / thread_count
    # The first period's quota is free, and the one begun at its end; a stop wants a quota of its own to go on.
    assert max(at_full_speed_s, expected_s - 2 * PERIOD_S) - 1e-6 <= took_s
    assert took_s <= expected_s * 1.02 + PERIOD_S + late_s * math.ceil(took_s / PERIOD_S)


@given(starts_at_s=st.floats(0, 100), work_s=st.floats(0.001, 0.5))
@settings(deadline=None)
def test_one_thread_is_never_stopped_at_one_vcpu(starts_at_s: float, work_s: float) -> None:
    """At 1,769 MB a single thread runs as if it were alone."""
    machine = SimulatedMachine(thread_count=1, work_s=work_s, starts_at_s=starts_at_s)

    assert duration_s(machine, 1.0) == pytest.approx(work_s, abs=1e-6)


def test_idle_worker_saves_nothing_up() -> None:
    """What is not used in a period is lost: after a long wait there is one quota, not many."""
    share = 0.1
    machine = SimulatedMachine(thread_count=1, work_s=0.0, starts_at_s=0.0)
    bucket = CpuShare(machine, share, machine.clock)
    bucket.begin()
    for _ in range(500):
        bucket.look()
        machine.now_s += 0.002
    machine.left_s = 0.1
    woke_s = machine.now_s

    for _ in range(10_000):
        if machine.left_s > 0:
            machine.advance(bucket.look())

    assert machine.left_s == 0
    assert machine.now_s - woke_s >= 0.1 / share - 2 * PERIOD_S


def test_late_stop_is_paid_at_the_response() -> None:
    """Work that ended before anybody looked is settled: the debt is added to the duration."""
    share = 128 / 1769
    machine = SimulatedMachine(thread_count=1, work_s=0.004, starts_at_s=0.001)
    bucket = CpuShare(machine, share, machine.clock)
    bucket.begin()
    machine.advance(0.01)

    owed_s = bucket.settle(machine.now_s)

    assert owed_s == pytest.approx((0.004 - share * PERIOD_S) / share)
    assert bucket.cpu_s == pytest.approx(0.004)


def test_most_threads_are_remembered() -> None:
    """The count is of the moment with the most threads, also where the worker is held to no share."""
    machine = SimulatedMachine(thread_count=1, work_s=0.05, starts_at_s=0.0)
    bucket = CpuShare(machine, math.inf, machine.clock)
    bucket.begin()
    for thread_count in (4, 2):
        machine.thread_count = thread_count
        machine.advance(bucket.look())

    bucket.settle(machine.now_s)

    assert bucket.thread_count == 4
    assert not machine.is_stopped


def test_stopped_worker_goes_on_at_the_response() -> None:
    """However an invocation ends, its worker is not left stopped by the bucket."""
    machine = SimulatedMachine(thread_count=1, work_s=1.0, starts_at_s=0.0)
    bucket = CpuShare(machine, 0.1, machine.clock)
    bucket.begin()
    for _ in range(100):
        if not machine.is_stopped:
            machine.advance(bucket.look())
    assert machine.is_stopped

    bucket.settle(machine.now_s)

    assert not machine.is_stopped
