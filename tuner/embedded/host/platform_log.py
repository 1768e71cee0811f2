"""What the platform writes into a function's log: START, END and REPORT, or platform.* records.

Text in AWS's exact form (tabs, two decimals, the trailing tab of a success);
JSON as functions with ``LogFormat: JSON`` get it (AWS Lambda Developer Guide,
"Lambda Telemetry API Event schema reference", seen 2026-11-23).
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

from tuner.embedded.host.model import LogLine, LogSink, Report, Status

TAIL_BYTES = 4096
HEAD_KEPT_BYTES = 1024 * 1024
LATEST_KEPT_BYTES = 256 * 1024
"""Of what one invocation prints, this much of its beginning and of its end is kept."""
LogFormat = Literal["Text", "JSON"]


def report_record(
    report: Report, log_format: LogFormat, *, tells_cpu_time: bool = True, tells_core_wait: bool = True
) -> str:
    r"""The REPORT line, or the ``platform.report`` record; AWS's have neither CPU time nor a wait for a core.

    Example:
        >>> report = Report("8d59", "success", 2.461, 417, 1024, 95, init_ms=413.61)
        >>> report_record(report, "Text").split("\t")[1:5]
        ['Duration: 2.46 ms', 'Billed Duration: 417 ms', 'Memory Size: 1024 MB', 'Max Memory Used: 95 MB']
    """
    figures = [
        (report.duration_ms, "Duration: {:.2f} ms", "durationMs"),
        (report.billed_ms, "Billed Duration: {} ms", "billedDurationMs"),
        (report.memory_mb, "Memory Size: {} MB", "memorySizeMB"),
        (report.max_memory_used_mb, "Max Memory Used: {} MB", "maxMemoryUsedMB"),
        (report.init_ms, "Init Duration: {:.2f} ms", "initDurationMs"),
        (report.restore_ms, "Restore Duration: {:.2f} ms", "restoreDurationMs"),
        (report.billed_restore_ms, "Billed Restore Duration: {} ms", "billedRestoreDurationMs"),
        (report.cpu_ms if tells_cpu_time else None, "CPU Time: {:.3f} ms", "cpuTimeMs"),
        (report.thread_count if tells_cpu_time else None, "Max Threads: {} threads", "maxThreads"),
        (report.core_wait_ms if tells_core_wait else None, "Core Wait: {:.3f} ms", "coreWaitMs"),
        (report.core_wait_error_ms if tells_core_wait else None, "Core Wait Error: {:.3f} ms", "coreWaitErrorMs"),
    ]
    words = [f"REPORT RequestId: {report.request_id}", *(text.format(n) for n, text, _ in figures if n is not None)]
    if report.platform_error:  # a handler's exception leaves no Status in the text form
        words.append(f"Status: {report.status}")
        if report.status == "error":
            words.append(f"Error Type: {report.error_type}")
    line = "\t".join(words) + ("" if report.platform_error else "\t")
    metrics = {name: round(number, 3) for number, _, name in figures if number is not None}
    error_type = report.error_type if report.status == "error" else None
    record = {"requestId": report.request_id, "metrics": metrics, "status": report.status, "errorType": error_type}
    return _record(log_format, line, "report", record)


def init_start_record(
    runtime_version: str, spec_name: str, version: str, log_format: LogFormat, *, snap_start: bool = False
) -> str:
    """The first line of an environment, or of a snapshot."""
    record = {
        "initializationType": "snap-start" if snap_start else "on-demand",
        "phase": "init",
        "runtimeVersion": f"{runtime_version}.local",
        "functionName": spec_name,
        "functionVersion": version,
    }
    return _record(log_format, f"INIT_START {_runtime_version(runtime_version)}", "initStart", record)


def init_report_record(
    init_ms: float,
    log_format: LogFormat,
    status: Status = "success",
    *,
    phase: Literal["init", "invoke"] = "init",
    error_type: str | None = None,
    snap_start: bool = False,
) -> str:
    """The line about an init that failed or took too long, or that went into a SnapStart snapshot."""
    line = f"INIT_REPORT Init Duration: {init_ms:.2f} ms"
    line += "" if snap_start else f"\tPhase: {phase}\tStatus: {status}"
    line += f"\tError Type: {error_type}" if error_type else ""
    record = {
        "initializationType": "snap-start" if snap_start else "on-demand",
        "phase": phase,
        "status": status,
        "metrics": {"durationMs": round(init_ms, 3)},
        "errorType": error_type,
    }
    return _record(log_format, line, "initReport", record)


def restore_start_record(runtime_version: str, spec_name: str, version: str, log_format: LogFormat) -> str:
    """The first line of an environment that is restored."""
    record = {"runtimeVersion": f"{runtime_version}.local", "functionName": spec_name, "functionVersion": version}
    return _record(log_format, f"RESTORE_START {_runtime_version(runtime_version)}", "restoreStart", record)


def _runtime_version(name: str) -> str:
    """A runtime and its version, such as ``python:3.13.1``, as the text records say it."""
    version = name.partition(":")[2]
    return f"Runtime Version: {name}.local\tRuntime Version ARN: arn:aws:lambda:local::runtime:{version}"


def restore_report_record(restore_ms: float, status: Status, error_type: str | None, log_format: LogFormat) -> str:
    """The line about a restore, before the invocation that it was for."""
    line = f"RESTORE_REPORT Restore Duration: {restore_ms:.2f} ms"
    line += f"\tStatus: {status}\tError Type: {error_type}" if error_type else ""
    record = {"status": status, "metrics": {"durationMs": round(restore_ms, 3)}, "errorType": error_type}
    return _record(log_format, line, "restoreReport", record)


def start_record(request_id: str, version: str, log_format: LogFormat) -> str:
    """START, or ``platform.start``."""
    record = {"requestId": request_id, "version": version}
    return _record(log_format, f"START RequestId: {request_id} Version: {version}", "start", record)


def end_record(report: Report, produced_bytes: int, log_format: LogFormat) -> str:
    """END, or ``platform.runtimeDone``."""
    record = {
        "requestId": report.request_id,
        "status": report.status,
        "metrics": {"durationMs": round(report.duration_ms, 3), "producedBytes": produced_bytes},
        "errorType": report.error_type if report.status == "error" else None,
    }
    return _record(log_format, f"END RequestId: {report.request_id}", "runtimeDone", record)


def _record(log_format: LogFormat, line: str, kind: str, record: Mapping[str, object]) -> str:
    """A record in the function's format: the line, or JSON of what is known."""
    if log_format == "Text":
        return line
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    known = {name: value for name, value in record.items() if value is not None}
    return json.dumps({"time": now, "type": f"platform.{kind}", "record": known}, separators=(",", ":"))


class EnvironmentLog:
    """The log stream of one environment: lines in order, and the tail of the current invocation.

    A handler that prints without end fills no memory: between two
    :meth:`send` the first megabyte is kept and the latest 256 KB, and a line
    between them says how much was left out.
    """

    def __init__(self, sink: LogSink, group: str, stream: str) -> None:
        self._sink = sink
        self.group = group
        self.stream = stream
        self._lock = threading.Lock()
        self._head: list[LogLine] = []
        self._head_bytes = 0
        self._latest: deque[LogLine] = deque()
        self._latest_bytes = 0
        self._left_out_count = 0
        self._tail: deque[str] = deque()
        self._tail_bytes = 0
        self._sending = threading.Lock()

    def begin_tail(self) -> None:
        """Forget the tail of the invocation before."""
        with self._lock:
            self._tail.clear()
            self._tail_bytes = 0

    def add(self, *messages: str) -> None:
        """Append lines with the present time."""
        now_ms = time.time_ns() // 1_000_000
        with self._lock:
            for message in messages:
                self._keep((now_ms, message))
                self._tail.append(message)
                self._tail_bytes += len(message) + 1
            while self._tail_bytes > 4 * TAIL_BYTES and len(self._tail) > 1:
                self._tail_bytes -= len(self._tail.popleft()) + 1

    def _keep(self, line: LogLine) -> None:
        if self._head_bytes < HEAD_KEPT_BYTES:
            self._head.append(line)
            self._head_bytes += _size(line)
            return
        self._latest.append(line)
        self._latest_bytes += _size(line)
        while self._latest_bytes > LATEST_KEPT_BYTES and len(self._latest) > 1:
            self._latest_bytes -= _size(self._latest.popleft())
            self._left_out_count += 1

    def tail(self) -> str:
        """The last 4 KB since :meth:`begin_tail`; the first line may be cut, as on AWS."""
        with self._lock:
            text = "".join(f"{line}\n" for line in self._tail)
        return text.encode()[-TAIL_BYTES:].decode(errors="ignore")

    def send(self) -> None:
        """Hand the unsent lines to the sink, in order."""
        with self._sending:
            with self._lock:
                lines, latest = self._head, self._latest
                if self._left_out_count:
                    note = f"[{self._left_out_count:,} lines are left out here: what one invocation prints is bounded]"
                    lines.append((latest[0][0], note))
                lines.extend(latest)
                self._head, self._latest = [], deque()
                self._head_bytes = self._latest_bytes = self._left_out_count = 0
            if lines:
                self._sink(self.group, self.stream, lines)


def _size(line: LogLine) -> int:
    """As CloudWatch Logs counts an event: its text and 26 bytes ("PutLogEvents", CloudWatch Logs API reference)."""
    return len(line[1]) + 26
