"""The course of each request through a log: which records are the platform's own, and how old ones ended."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from tuner.core.log_records.records import InitReport, Record, ReportRecord, RestoreReport

KNOWN_REQUESTS = 100_000
"""Most requests that are remembered at once; bounds memory, some 50 MB, whatever the log's size."""
WAITING_RECORDS = 4_096
"""Most records that wait for what may still be said about them, in a log too large to be read whole."""

_TIMED_OUT = re.compile(r" Task timed out after ([0-9]{1,4}(?:\.[0-9]{1,3})?) seconds")
_KILLED = re.compile(r"RequestId: ([^\s]+) Error: Runtime exited with error: signal: killed")


@dataclass(slots=True)
class _Request:
    """What the log has shown so far of one request."""

    markers: set[bool] = field(default_factory=set)
    """In which formats it was seen to begin or end; ``True`` is JSON."""
    running: bool = False
    bounded: bool = False
    """Whether START or END was seen, so that the place of a record tells something."""
    pending: deque[_Found] = field(default_factory=deque)
    """Records since the last START; the last one counts if ``bounded``."""
    timeouts_ms: set[float] = field(default_factory=set)
    """Timeouts that the platform's old line told of it."""
    killed: bool = False


@dataclass(slots=True, eq=False)
class _Found:
    """A record and what may yet speak against it."""

    record: Record
    is_json: bool = False
    while_running: bool = False
    request: _Request | None = None
    dropped: bool = False


class Course:
    """Collects records in their order and drops those that cannot be the platform's own.

    With *request_id*, the invocations of this request alone count. *has_ends*: the log is known to show END lines; else
    the first one that is seen tells it.
    """

    def __init__(self, request_id: str | None = None, *, has_ends: bool = False) -> None:
        self._only = request_id
        self._has_ends = has_ends
        self._requests: dict[str, _Request] = {}
        self._found: deque[_Found] = deque()

    def wants(self, request_id: str) -> bool:
        """Whether this request is looked at."""
        return self._only is None or request_id == self._only

    def other(self, record: InitReport | RestoreReport) -> None:
        """Note a record that belongs to no request."""
        self._found.append(_Found(record))

    def mark(self, request_id: str, *, began: bool, is_json: bool) -> None:
        """Note a START or END of a request."""
        self._has_ends = self._has_ends or not began
        if not self.wants(request_id):
            return
        request = self._request(request_id)
        request.markers.add(is_json)
        if began:
            _settle(request)
            request.running = not is_json
        else:
            # What stands before END was written while the function ran.
            for found in request.pending:
                found.dropped = True
            request.pending.clear()
            request.running = False
        request.bounded = True

    def report(self, record: ReportRecord, *, is_json: bool) -> None:
        """Note a REPORT record."""
        if not self.wants(record.request_id):
            return
        request = self._request(record.request_id)
        # A request's lines are all of one format.
        if request.markers == {not is_json}:
            return
        found = _Found(record, is_json, request.running and not is_json, request)
        request.pending.append(found)
        self._found.append(found)

    def line(self, line: str) -> None:
        """Note how a request ended, where the platform said so in a line of its own: the style before records did."""
        timed_out = _TIMED_OUT.search(line)
        if timed_out is not None:
            words = line[max(0, timed_out.start() - 200) : timed_out.start()].split()
            if words and self.wants(words[-1]):
                self._request(words[-1]).timeouts_ms.add(float(timed_out[1]) * 1_000)
        killed = _KILLED.match(line)
        if killed is not None and self.wants(killed[1]):
            self._request(killed[1]).killed = True

    def take(self, *, waiting: int = 0) -> Iterator[Record]:
        """Hand over the records that are certain, in their order.

        The *waiting* latest ones are kept back, since what follows in the log may speak against them.
        """
        while len(self._found) > waiting:
            found = self._found.popleft()
            if not found.dropped and self._stands(found):
                yield _with_old_ending(found)

    def _request(self, request_id: str) -> _Request:
        request = self._requests.get(request_id)
        if request is None:
            if len(self._requests) >= KNOWN_REQUESTS:
                del self._requests[next(iter(self._requests))]
            request = self._requests[request_id] = _Request()
        return request

    def _stands(self, found: _Found) -> bool:
        request = found.request
        if request is None:
            return True
        superseded = False
        if request.pending and request.pending[0] is found:
            request.pending.popleft()
            superseded = request.bounded and bool(request.pending)
        # Before END it is the function's own line; a log without any END has been filtered, and is taken as it is.
        return not superseded and not (found.while_running and self._has_ends)


def _settle(request: _Request) -> None:
    if request.bounded:
        for found in list(request.pending)[:-1]:
            found.dropped = True
    request.pending.clear()


def _with_old_ending(found: _Found) -> Record:
    """Fill in the status of a record that was written before records had one.

    Timeouts: China's and GovCloud's Regions may still write the old style.
    ``signal: killed`` is the kernel's answer to a process that passes its
    memory limit. A line of the function's own that says the same is not
    believed where the record's duration is not about the timeout.
    """
    record, request = found.record, found.request
    if request is None or not isinstance(record, ReportRecord) or record.status is not None:
        return record
    if any(limit_ms <= record.duration_ms <= limit_ms * 1.1 + 500 for limit_ms in request.timeouts_ms):
        return replace(record, status="timeout")
    if request.killed:
        return replace(record, status="error", error_type="Runtime.OutOfMemory")
    return record
