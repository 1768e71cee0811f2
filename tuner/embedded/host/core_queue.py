"""Invocations wait here for their share of this machine's cores.

Two invocations that together want more CPU than there is would measure each
other: two at 1,769 MB on one core each take twice their time. The wait is in no
duration. It is bounded, as a caller's patience is: who has waited for too long
is throttled, as by Lambda, and asks again.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

from tuner.core.errors import ServiceError, Throttled

_ROUNDING = 1e-9
PATIENCE_S = 1.0
"""How long nothing may move before a look is taken at what holds the cores."""

QUEUE_LIMIT_S = 8.0
OTHER_SERVERS_LIMIT_S = 5.0
"""Together less than the 15 s by which a run waits longer for an answer than its function may take."""

_AT_REST_RATIO = 0.05
_LOCK_LOOK_S = 0.02


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

    def __init__(
        self, core_count: float, *, patience_s: float = PATIENCE_S, other_servers: OtherServers | None = None
    ) -> None:
        self.core_count = core_count
        self._patience_s = patience_s
        self._other_servers = other_servers
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
    def hold(
        self, core_count: float, *, used_cpu_s: Callable[[], float] = lambda: 0.0, limit_s: float = float("inf")
    ) -> Iterator[CoreTicket]:
        """Hold *core_count* cores, all of the machine's at most, once they are free and it is our turn.

        *used_cpu_s* tells how many CPU seconds the holder has used; *limit_s*
        bounds the wait.

        Raises:
            ServiceError: the queue was closed meanwhile.
            Throttled: it was not our turn within *limit_s*.
        """
        ticket = CoreTicket(self, min(core_count, self.core_count), used_cpu_s)
        with self._condition:
            self._wait_for_turn(ticket, time.monotonic() + limit_s)
            self._free -= ticket.core_count
            self._tickets.add(ticket)
            self._condition.notify_all()
        try:
            with self._other_servers or contextlib.nullcontext():
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

    def _wait_for_turn(self, ticket: CoreTicket, give_up_at_s: float) -> None:
        turn = object()
        self._waiting.append(turn)
        try:
            used_before_s = self._used_s()
            while not self._condition.wait_for(
                lambda: self._closed or (self._waiting[0] is turn and self._free + _ROUNDING >= ticket.core_count),
                min(self._patience_s, max(0.0, give_up_at_s - time.monotonic())),
            ):
                if time.monotonic() >= give_up_at_s:
                    raise Throttled("Other invocations have had the cores of this machine for a while.")
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


class OtherServers:
    """Takes turns with the other embedded AWS of one home: each runs invocations while it holds the lock.

    Whoever holds it for long, as a function does that waits, is passed: to be
    disturbed is better than to stand still.
    """

    def __init__(self, lock: Path, *, limit_s: float = OTHER_SERVERS_LIMIT_S) -> None:
        self._path = lock
        self._limit_s = limit_s
        self._changing = threading.Lock()
        self._count = 0
        self._descriptor: int | None = None

    def __enter__(self) -> None:
        with self._changing:
            if self._count == 0:
                with contextlib.suppress(OSError):
                    self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
                give_up_at_s = time.monotonic() + self._limit_s
                while not self._try() and time.monotonic() < give_up_at_s:
                    time.sleep(_LOCK_LOOK_S)
            self._count += 1

    def __exit__(self, *_: object) -> None:
        with self._changing:
            self._count -= 1
            if self._count == 0 and self._descriptor is not None:
                os.close(self._descriptor)  # and with it the lock
                self._descriptor = None

    def _try(self) -> bool:
        if self._descriptor is None:
            return True
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
