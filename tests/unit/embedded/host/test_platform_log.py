"""The platform's own lines, against records of AWS."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Literal

import pytest

from tuner.core import log_records
from tuner.embedded.host.model import LogLine, Report
from tuner.embedded.host.platform_log import (
    HEAD_KEPT_BYTES,
    LATEST_KEPT_BYTES,
    EnvironmentLog,
    end_record,
    init_report_record,
    init_start_record,
    report_record,
    start_record,
)

REQUEST_ID = "8d5958b5-559f-43f3-b278-b71dd7dd0e01"


def test_cold_success_is_aws_own_line() -> None:
    """The line of a cold start equals one that AWS wrote, its trailing tab too."""
    report = Report(REQUEST_ID, "success", 2.46, 417, 1024, 95, init_ms=413.61)

    assert report_record(report, "Text") == (
        f"REPORT RequestId: {REQUEST_ID}\tDuration: 2.46 ms\tBilled Duration: 417 ms\tMemory Size: 1024 MB\t"
        "Max Memory Used: 95 MB\tInit Duration: 413.61 ms\t"
    )


def test_restore_is_aws_own_line() -> None:
    """The line of an invocation after a restore equals one that AWS wrote, and so does that of a snapshot's init."""
    report = Report(REQUEST_ID, "success", 306.34, 610, 3009, 155, restore_ms=511.25, billed_restore_ms=303)

    assert report_record(report, "Text") == (
        f"REPORT RequestId: {REQUEST_ID}\tDuration: 306.34 ms\tBilled Duration: 610 ms\tMemory Size: 3009 MB\t"
        "Max Memory Used: 155 MB\tRestore Duration: 511.25 ms\tBilled Restore Duration: 303 ms\t"
    )
    assert init_report_record(2510.65, "Text", snap_start=True) == "INIT_REPORT Init Duration: 2510.65 ms"


def test_failed_init_is_aws_own_line() -> None:
    """Lines of a function that cannot be loaded equal those that AWS wrote."""
    report = Report(
        REQUEST_ID, "error", 95.78, 96, 512, 39, error_type="Runtime.ImportModuleError", platform_error=True
    )

    assert report_record(report, "Text").endswith(
        "\tMax Memory Used: 39 MB\tStatus: error\tError Type: Runtime.ImportModuleError"
    )
    assert init_report_record(137.69, "Text", "error", error_type="Runtime.ImportModuleError") == (
        "INIT_REPORT Init Duration: 137.69 ms\tPhase: init\tStatus: error\tError Type: Runtime.ImportModuleError"
    )
    assert init_report_record(10337.01, "Text", "timeout") == (
        "INIT_REPORT Init Duration: 10337.01 ms\tPhase: init\tStatus: timeout"
    )


def test_json_records_hold_the_same() -> None:
    """The JSON form has AWS's names, and no init where there was none."""
    report = Report(REQUEST_ID, "error", 800.1, 801, 128, 128, error_type="Runtime.OutOfMemory", platform_error=True)

    record = json.loads(report_record(report, "JSON"))

    assert record["type"] == "platform.report"
    assert record["record"] == {
        "requestId": REQUEST_ID,
        "status": "error",
        "errorType": "Runtime.OutOfMemory",
        "metrics": {"durationMs": 800.1, "billedDurationMs": 801, "memorySizeMB": 128, "maxMemoryUsedMB": 128},
    }
    done = json.loads(end_record(report, 12, "JSON"))["record"]
    assert (done["status"], done["metrics"]["producedBytes"]) == ("error", 12)
    assert json.loads(start_record(REQUEST_ID, "7", "JSON"))["record"] == {"requestId": REQUEST_ID, "version": "7"}
    assert json.loads(init_start_record("python:3.13.0", "f", "7", "JSON"))["record"]["functionVersion"] == "7"
    failed = json.loads(init_report_record(12.5, "JSON", "error", phase="invoke", error_type="KeyError"))["record"]
    assert (failed["phase"], failed["errorType"], failed["metrics"]) == ("invoke", "KeyError", {"durationMs": 12.5})


@pytest.mark.parametrize("log_format", ["Text", "JSON"])
@pytest.mark.parametrize("init_ms", [None, 54.287])
def test_tuner_reads_what_is_written(log_format: Literal["Text", "JSON"], init_ms: float | None) -> None:
    """The records are understood by the part that reads AWS's own."""
    report = Report(REQUEST_ID, "success", 10.25, 65 if init_ms else 11, 128, 31, init_ms=init_ms)
    tail = "\n".join(
        [
            start_record(REQUEST_ID, "1", log_format),
            end_record(report, 4, log_format),
            report_record(report, log_format),
        ]
    )

    read = log_records.find_report(tail + "\n", REQUEST_ID)

    assert read is not None
    assert (read.duration_ms, read.billed_ms) == (10.25, report.billed_ms)
    assert (read.memory_size_mb, read.max_memory_used_mb) == (128, 31)
    assert read.init_ms == (None if init_ms is None else pytest.approx(init_ms, abs=0.005))
    assert (read.cpu_ms, read.thread_count) == (None, None)
    assert (read.core_wait_ms, read.core_wait_error_ms) == (None, None)


@pytest.mark.parametrize("log_format", ["Text", "JSON"])
def test_wait_for_a_core_is_written_where_there_was_one(log_format: Literal["Text", "JSON"]) -> None:
    """A disturbed invocation's report says how long it waited, and how far off its duration may be for it."""
    report = Report(REQUEST_ID, "success", 10.25, 11, 128, 31, core_wait_ms=7.5, core_wait_error_ms=0.75)

    read = log_records.find_report(report_record(report, log_format), REQUEST_ID)

    assert read is not None
    assert (read.core_wait_ms, read.core_wait_error_ms, read.duration_ms) == (7.5, 0.75, 10.25)


@pytest.mark.parametrize("log_format", ["Text", "JSON"])
@pytest.mark.parametrize("is_failure", [False, True])
def test_cpu_time_is_written_where_it_is_told(log_format: Literal["Text", "JSON"], is_failure: bool) -> None:
    """A report with a CPU time says it to the microsecond, with the threads; a failure's status is still there."""
    report = Report(
        REQUEST_ID,
        "timeout" if is_failure else "success",
        10.25,
        11,
        128,
        31,
        cpu_ms=0.7314,
        thread_count=3,
        platform_error=is_failure,
    )

    read = log_records.find_report(report_record(report, log_format), REQUEST_ID)

    assert read is not None
    assert (read.cpu_ms, read.thread_count, read.duration_ms) == (0.731, 3, 10.25)
    assert read.timed_out == is_failure


class Sink:
    """Remembers what was sent."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, group: str, stream: str, lines: Sequence[LogLine]) -> None:
        """Remember the messages."""
        self.lines += [message for _, message in lines]


def test_lines_are_sent_once_and_in_order() -> None:
    """Each line reaches the sink once; nothing is sent where there is nothing."""
    sink = Sink()
    log = EnvironmentLog(sink, "/aws/lambda/f", "stream")
    log.add("one", "two")
    log.send()
    log.send()
    log.add("three")
    log.send()

    assert sink.lines == ["one", "two", "three"]


def test_tail_is_cut_at_the_front() -> None:
    """The tail holds the end: 4,096 bytes, not characters, and no broken character."""
    log = EnvironmentLog(Sink(), "/aws/lambda/f", "stream")
    for number in range(2000):
        log.add(f"{number} " + "ü" * 10)
    log.add("x" * 100, "the end")

    tail = log.tail()

    assert 4090 < len(tail.encode()) <= 4096
    assert tail.endswith("x\nthe end\n")


def test_one_line_longer_than_the_tail() -> None:
    """A line of many kilobytes still leaves the last four."""
    log = EnvironmentLog(Sink(), "/aws/lambda/f", "stream")
    log.add("a" * 100_000)

    assert log.tail() == "a" * 4095 + "\n"


def test_endless_output_is_bounded() -> None:
    """Of what one invocation prints the beginning and the end are kept, in order, with a word of what is between."""
    sent: list[LogLine] = []
    log = EnvironmentLog(lambda group, stream, lines: sent.extend(lines), "group", "stream")

    for number in range(100_000):
        log.add(f"{number:060}")
    log.add("REPORT")
    log.send()

    messages = [message for _, message in sent]
    assert sum(map(len, messages)) < HEAD_KEPT_BYTES + LATEST_KEPT_BYTES
    assert (int(messages[0]), int(messages[-2]), messages[-1]) == (0, 99_999, "REPORT")
    (note,) = (message for message in messages if message.startswith("["))
    before, after = messages[messages.index(note) - 1], messages[messages.index(note) + 1]
    assert f"[{int(after) - int(before) - 1:,} lines are left out" in note
    log.add("next")
    log.send()
    assert [message for _, message in sent[len(messages) :]] == ["next"]
