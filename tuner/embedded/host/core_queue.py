"""Invocations wait here for their share of this machine's cores.

Two invocations that together want more CPU than there is would measure each
other: two at 1,769 MB on one core each take twice their time.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterator

from tuner.core.errors import ServiceError

_ROUNDING = 1e-9
PATIENCE_S = 1.0
"""How long nothing may move before a look is taken at what holds the cores."""

_AT_REST_RATIO = 0.05


class CoreTicket:
    """A part of the cores that an invocation holds."""

    def __init__(self, queue: CoreQueue, core_count: float, used_cpu_s: Callable[[], float]) -> None:
        self._queue = queue
        self.core_count = core_count
        self.used_cpu_s = used_cpu_s

    def shrink_to(self, core_count: float) -> None:
        """Give back what is above *core_count*; never takes more."""
        self._queue.give_back(self, max(0.0, self.core_count - min(core_count, self.core_count)))


class CoreQueue:
    """First come, first served: a large invocation is not passed for ever by small ones.

    An invocation that itself invokes another function and waits for it holds
    cores without using them. So that the two cannot block each other, the first
    in the queue goes on when those that hold the cores have been at rest for a
    while, although there is then less than the sum of the shares.
    """

    def __init__(self, core_count: float, *, patience_s: float = PATIENCE_S) -> None:
        self.core_count = core_count
        self._patience_s = patience_s
        self._free = core_count
        self._condition = threading.Condition()
        self._waiting: deque[object] = deque()
        self._tickets: set[CoreTicket] = set()
        self._closed = False

    def close(self) -> None:
        """Let nobody wait any longer."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    @contextlib.contextmanager
    def hold(self, core_count: float, *, used_cpu_s: Callable[[], float] = lambda: 0.0) -> Iterator[CoreTicket]:
        """Hold *core_count* cores, all of the machine's at most, once they are free and it is our turn.

        *used_cpu_s* tells how many CPU seconds the holder has used.

        Raises:
            ServiceError: the queue was closed meanwhile.
        """
        ticket = CoreTicket(self, min(core_count, self.core_count), used_cpu_s)
        with self._condition:
            self._wait_for_turn(ticket)
            self._free -= ticket.core_count
            self._tickets.add(ticket)
            self._condition.notify_all()
        try:
            yield ticket
        finally:
            ticket.shrink_to(0.0)
            with self._condition:
                self._tickets.discard(ticket)

    def give_back(self, ticket: CoreTicket, core_count: float) -> None:
        """Return a part of what *ticket* holds."""
        with self._condition:
            ticket.core_count -= core_count
            self._free += core_count
            self._condition.notify_all()

    def _wait_for_turn(self, ticket: CoreTicket) -> None:
        turn = object()
        self._waiting.append(turn)
        try:
            used_before_s = self._used_s()
            while not self._condition.wait_for(
                lambda: self._closed or (self._waiting[0] is turn and self._free + _ROUNDING >= ticket.core_count),
                self._patience_s,
            ):
                used_s = self._used_s()
                used = sum(used_s[each] - before_s for each, before_s in used_before_s.items() if each in used_s)
                # Only those that held cores all the while count: a newcomer has not shown yet what it does.
                are_same = used_s.keys() == used_before_s.keys()
                if self._waiting[0] is turn and are_same and used < _AT_REST_RATIO * self._patience_s:
                    break
                used_before_s = used_s
        finally:
            self._waiting.remove(turn)
            self._condition.notify_all()
        if self._closed:
            raise ServiceError("The execution host was closed while an invocation waited for its turn.")

    def _used_s(self) -> dict[CoreTicket, float]:
        return {ticket: ticket.used_cpu_s() for ticket in self._tickets}
