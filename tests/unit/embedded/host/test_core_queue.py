"""Who may run when the shares together are more than the machine."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tuner.core.errors import ServiceError, Throttled
from tuner.embedded.host.core_queue import CoreQueue, CoreTicket, OtherServers


class Holder:
    """A thread that holds cores until it is told to go."""

    def __init__(self, queue: CoreQueue, core_count: float, used_cpu_s: Callable[[], float] = lambda: 0.0) -> None:
        self.has_begun = threading.Event()
        self.may_go = threading.Event()
        self.ticket: CoreTicket | None = None
        self.error: Exception | None = None
        self._queue, self._core_count, self._used_cpu_s = queue, core_count, used_cpu_s
        self._thread = threading.Thread(target=self._hold)
        self._thread.start()

    def _hold(self) -> None:
        try:
            with self._queue.hold(self._core_count, used_cpu_s=self._used_cpu_s) as self.ticket:
                self.has_begun.set()
                self.may_go.wait(30)
        except ServiceError as error:
            self.error = error

    def go(self) -> None:
        """Give the cores back."""
        self.may_go.set()
        self._thread.join(30)

    def waits(self) -> bool:
        """Whether it still waits after a while."""
        return not self.has_begun.wait(0.05)


@pytest.fixture
def queue() -> CoreQueue:
    """Two cores, and nobody at rest long enough to be passed."""
    return CoreQueue(2, patience_s=60)


def test_shares_that_fit_run_together(queue: CoreQueue) -> None:
    """Four at half a vCPU fill two cores, a fifth waits."""
    four = [Holder(queue, 0.5) for _ in range(4)]
    assert all(each.has_begun.wait(30) for each in four)
    fifth = Holder(queue, 0.5)
    assert fifth.waits()

    four[0].go()

    assert fifth.has_begun.wait(30)
    for each in (*four, fifth):
        each.go()


def test_large_one_is_not_passed_by_small_ones(queue: CoreQueue) -> None:
    """The order is that of arrival, although a later one would fit."""
    first = Holder(queue, 1)
    assert first.has_begun.wait(30)
    large = Holder(queue, 2)
    assert large.waits()
    small = Holder(queue, 0.5)
    assert small.waits()

    first.go()

    assert large.has_begun.wait(30)
    assert small.waits()
    large.go()
    assert small.has_begun.wait(30)
    small.go()


def test_more_than_the_machine_gets_all_of_it(queue: CoreQueue) -> None:
    """A size beyond the machine's cores runs alone, and does not wait for ever."""
    huge = Holder(queue, 5.8)
    assert huge.has_begun.wait(30)
    other = Holder(queue, 0.1)
    assert other.waits()
    huge.go()
    assert other.has_begun.wait(30)
    other.go()


def test_what_the_init_needed_is_given_back(queue: CoreQueue) -> None:
    """After an init at full speed only the share is kept; nothing is ever given back twice."""
    holders = [Holder(queue, 1) for _ in range(2)]
    assert all(each.has_begun.wait(30) for each in holders)
    waiting = Holder(queue, 1.5)
    assert waiting.waits()

    for each in holders:
        assert each.ticket is not None
        each.ticket.shrink_to(0.25)
        each.ticket.shrink_to(3)

    assert waiting.has_begun.wait(30)
    for each in (*holders, waiting):
        each.go()
    everything = Holder(queue, 2)
    assert everything.has_begun.wait(30)
    everything.go()


def test_one_that_waits_for_another_is_passed() -> None:
    """A function that invokes a second one and waits does not block it: at rest, it is passed after a while."""
    queue = CoreQueue(2, patience_s=0.05)
    outer = Holder(queue, 2)
    assert outer.has_begun.wait(30)

    inner = Holder(queue, 2)

    assert inner.has_begun.wait(30)
    inner.go()
    outer.go()


def test_one_that_works_is_not_passed() -> None:
    """As long as the cores are used, the queue waits."""
    used_s = iter(range(1_000_000))
    queue = CoreQueue(2, patience_s=0.01)
    working = Holder(queue, 2, lambda: float(next(used_s)))
    assert working.has_begun.wait(30)

    other = Holder(queue, 1)

    assert not other.has_begun.wait(0.2)
    working.go()
    assert other.has_begun.wait(30)
    other.go()


def test_closed_queue_lets_nobody_wait(queue: CoreQueue) -> None:
    """Closing ends the waiting with an error."""
    first = Holder(queue, 2)
    assert first.has_begun.wait(30)
    second = Holder(queue, 1)
    assert second.waits()

    queue.close()
    second.go()

    assert isinstance(second.error, ServiceError)
    first.go()


def test_who_waits_for_too_long_is_throttled(queue: CoreQueue) -> None:
    """As by Lambda; the turn is given up, so that nobody waits behind it."""
    first = Holder(queue, 2)
    assert first.has_begun.wait(30)

    with pytest.raises(Throttled), queue.hold(1, limit_s=0.02):
        pass

    first.go()
    with queue.hold(2, limit_s=0.02) as ticket:
        assert ticket.core_count == 2


def test_servers_of_one_home_take_turns(tmp_path: Path) -> None:
    """While one runs an invocation the other waits; several of the same do not wait for each other."""
    one, other = (
        CoreQueue(2, patience_s=60, other_servers=OtherServers(tmp_path / "cores.lock", limit_s=60)) for _ in range(2)
    )
    here = [Holder(one, 1) for _ in range(2)]
    assert all(each.has_begun.wait(30) for each in here)
    there = Holder(other, 1)
    assert there.waits()

    for each in here:
        each.go()

    assert there.has_begun.wait(30)
    there.go()


def test_a_server_that_holds_the_machine_for_long_is_passed(tmp_path: Path) -> None:
    """A function that sleeps for minutes does not stop the other server's run."""
    one, other = (CoreQueue(2, other_servers=OtherServers(tmp_path / "cores.lock", limit_s=0.05)) for _ in range(2))
    here = Holder(one, 1)
    assert here.has_begun.wait(30)

    there = Holder(other, 1)

    assert there.has_begun.wait(30)
    there.go()
    here.go()
