"""Invocations wait here for their share of this machine's cores.

Two invocations that together want more CPU than there is would measure each
other: two at 1,769 MB on one core each take twice their time.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Iterator

from tuner.core.errors import ServiceError

_ROUNDING = 1e-9


class CoreTicket:
    """A part of the cores that an invocation holds."""

    def __init__(self, queue: CoreQueue, core_count: float) -> None:
        self._queue = queue
        self.core_count = core_count

    def shrink_to(self, core_count: float) -> None:
        """Give back what is above *core_count*; never takes more."""
        self._queue.give_back(self, max(0.0, self.core_count - min(core_count, self.core_count)))


class CoreQueue:
    """First come, first served: a large invocation is not passed for ever by small ones."""

    def __init__(self, core_count: float) -> None:
        self.core_count = core_count
        self._free = core_count
        self._condition = threading.Condition()
        self._waiting: deque[object] = deque()
        self._closed = False

    def close(self) -> None:
        """Let nobody wait any longer."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    @contextlib.contextmanager
    def hold(self, core_count: float) -> Iterator[CoreTicket]:
        """Hold *core_count* cores, all of the machine's at most, once they are free and it is our turn.

        Raises:
            ServiceError: the queue was closed meanwhile.
        """
        wanted = min(core_count, self.core_count)
        turn = object()
        with self._condition:
            self._waiting.append(turn)
            self._condition.wait_for(
                lambda: self._closed or (self._waiting[0] is turn and self._free + _ROUNDING >= wanted)
            )
            self._waiting.remove(turn)
            if self._closed:
                raise ServiceError("The execution host was closed while an invocation waited for its turn.")
            self._free -= wanted
            self._condition.notify_all()
        ticket = CoreTicket(self, wanted)
        try:
            yield ticket
        finally:
            ticket.shrink_to(0.0)

    def give_back(self, ticket: CoreTicket, core_count: float) -> None:
        """Return a part of what *ticket* holds."""
        with self._condition:
            ticket.core_count -= core_count
            self._free += core_count
            self._condition.notify_all()
