"""What a log says about invocations, as values; and which numbers no function can have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MAX_MS = 6_000_000
"""Longest timeout there is, 5,400 s on Managed Instances, and a tenth more."""
MAX_MEMORY_MB = 65_536
"""Twice the largest memory size there is, 32,768 MB on Managed Instances."""

MAX_THREADS = 4_194_304
"""Most threads that Linux can have at all (proc_sys_kernel(5), ``pid_max``)."""


@dataclass(frozen=True, slots=True)
class ReportRecord:
    """One invocation, as its own record reports it. ``None`` is what the record lacks: absent is not zero.

    ``status`` is the platform's word: ``success``, ``failure`` (the handler
    raised; JSON only), ``error`` or ``timeout``. A text record of success has
    none. Old records have none for timeouts and exhausted memory either;
    there it is taken from the platform's own line about that request.
    ``cpu_ms`` and ``thread_count`` are told by the embedded AWS alone, where it
    was asked to, and ``core_wait_ms`` if its machine was busy.
    """

    request_id: str
    duration_ms: float
    billed_ms: int | None = None
    memory_size_mb: int | None = None
    max_memory_used_mb: int | None = None
    init_ms: float | None = None
    restore_ms: float | None = None
    billed_restore_ms: int | None = None
    status: str | None = None
    error_type: str | None = None
    xray_trace_id: str | None = None
    cpu_ms: float | None = None
    """CPU time, user and system, of all threads and child processes."""
    thread_count: int | None = None
    """The most that there were at once."""
    core_wait_ms: float | None = None
    """How long other work had the cores that it was ready to run on; not in the duration."""
    core_wait_error_ms: float | None = None
    """How far off the duration may be for it."""

    @property
    def cold(self) -> bool:
        """Whether the invocation was the first one of its environment, by init or restore."""
        return self.init_ms is not None or self.restore_ms is not None

    @property
    def cold_start_ms(self) -> float | None:
        """Init, or SnapStart restore: what a cold caller waits for before ``duration_ms`` begins."""
        return self.init_ms if self.init_ms is not None else self.restore_ms

    @property
    def timed_out(self) -> bool:
        """Whether the invocation was ended by the function's timeout."""
        return self.status == "timeout"

    @property
    def out_of_memory(self) -> bool:
        """Whether the invocation was ended by its memory limit."""
        return self.error_type == "Runtime.OutOfMemory"


@dataclass(frozen=True, slots=True)
class InitReport:
    """An ``INIT_REPORT``: an init phase that stands apart from an invocation.

    It is written where init failed, passed its time limit, or made a
    SnapStart snapshot; and in JSON for every init at log level DEBUG.
    """

    init_ms: float
    phase: str | None = None
    status: str | None = None
    error_type: str | None = None


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """A ``RESTORE_REPORT``: a SnapStart restore that stands apart from an invocation."""

    restore_ms: float
    status: str | None = None
    error_type: str | None = None


Record = ReportRecord | InitReport | RestoreReport


class RefusedRecord(Exception):
    """The record is not certain. Never leaves this package."""


def milliseconds(number: float) -> float:
    """Take a duration that a function can have."""
    if not 0 <= number <= MAX_MS:  # also false for NaN
        raise RefusedRecord
    return float(number)


def report_record(
    request_id: str,
    numbers: Mapping[str, float],
    *,
    status: str | None,
    error_type: str | None,
    xray_trace_id: str | None,
) -> ReportRecord:
    """Make a record of the numbers under their labels in a text record, ``Duration`` among them.

    How billed and duration relate is not among what is checked: billed was
    rounded to 100 ms once, may contain init or restore, and is less than the
    duration at timeouts of the old style.

    Raises:
        RefusedRecord: A number that no function can have, or two that exclude each other.
    """

    def duration_ms(label: str) -> float | None:
        return None if label not in numbers else milliseconds(numbers[label])

    def whole(label: str, highest: int) -> int | None:
        """Some writers write an integer as 12.0."""
        number = numbers.get(label)
        if number is None:
            return None
        if not 0 <= number <= highest or not float(number).is_integer():
            raise RefusedRecord
        return int(number)

    used_mb, size_mb = whole("Max Memory Used", MAX_MEMORY_MB), whole("Memory Size", MAX_MEMORY_MB)
    if size_mb is not None and (size_mb == 0 or (used_mb is not None and used_mb > 2 * size_mb)):
        raise RefusedRecord
    return ReportRecord(
        request_id=request_id,
        duration_ms=milliseconds(numbers["Duration"]),
        billed_ms=whole("Billed Duration", MAX_MS),
        memory_size_mb=size_mb,
        max_memory_used_mb=used_mb,
        init_ms=duration_ms("Init Duration"),
        restore_ms=duration_ms("Restore Duration"),
        billed_restore_ms=whole("Billed Restore Duration", MAX_MS),
        status=status,
        error_type=error_type,
        xray_trace_id=xray_trace_id,
        cpu_ms=duration_ms("CPU Time"),
        thread_count=whole("Max Threads", MAX_THREADS),
        core_wait_ms=duration_ms("Core Wait"),
        core_wait_error_ms=duration_ms("Core Wait Error"),
    )
