"""Reading REPORT records: real ones, forged ones, cut ones, damaged ones."""

from __future__ import annotations

import dataclasses
import itertools
import json
import random
import re
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from tuner.core.log_records import (
    InitReport,
    Record,
    ReportRecord,
    RestoreReport,
    find_report,
    parse_log,
    read_records,
)
from tuner.core.log_records.course import WAITING_RECORDS
from tuner.core.log_records.events import iter_messages
from tuner.core.log_records.pieces import LONGEST_CHARACTERS

CORPUS = [
    json.loads(line)
    for line in (Path(__file__).parents[3] / "data" / "report_lines.jsonl").read_text("utf-8").splitlines()
]
FIELDS = {
    "duration": "duration_ms",
    "billed": "billed_ms",
    "mem": "memory_size_mb",
    "maxmem": "max_memory_used_mb",
    "init": "init_ms",
    "restore": "restore_ms",
    "billed_restore": "billed_restore_ms",
    "status": "status",
    "error_type": "error_type",
    "xray": "xray_trace_id",
    "phase": "phase",
}

A = "6234bffe-149a-b642-81ff-2e8e376d8aff"
B = "1d24998e-3cf5-5606-8ada-ca3e02270dfe"
START_A = f"START RequestId: {A} Version: $LATEST"
END_A = f"END RequestId: {A}"
REPORT_A = (
    f"REPORT RequestId: {A}\tDuration: 46.84 ms\tBilled Duration: 47 ms\tMemory Size: 192 MB\tMax Memory Used: 72 MB\t"
)
FORGED_A = (
    f"REPORT RequestId: {A}\tDuration: 1.00 ms\tBilled Duration: 1 ms\tMemory Size: 192 MB\tMax Memory Used: 9 MB\t"
)


def json_report(request_id: str = A, duration: Any = 46.84, billed: Any = 47, **more: Any) -> str:
    """Write a platform.report as Lambda does, compact."""
    metrics = {"durationMs": duration, "billedDurationMs": billed, "memorySizeMB": 192, "maxMemoryUsedMB": 72, **more}
    record = {"requestId": request_id, "status": "success", "metrics": metrics}
    return json.dumps(
        {"time": "2026-11-23T10:00:00.000Z", "type": "platform.report", "record": record}, separators=(",", ":")
    )


def read_all(text: str) -> list[Record]:
    """Read a log as a user has it at hand."""
    return list(read_records([text]))


def known(record: Record) -> dict[str, Any]:
    """The fields that a record has."""
    return {name: value for name, value in dataclasses.asdict(record).items() if value is not None}


# --- Real records ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", CORPUS, ids=lambda row: f"{row['n']}-{row['kind']}")
def test_real_records(row: dict[str, Any]) -> None:
    """Every record of the corpus gives what it says, no more and no less."""
    expected = {FIELDS[name]: value for name, value in row["exp"].items() if name in FIELDS}
    if row["kind"] == "text-timeout-docs-old":
        expected["status"] = "timeout"  # from the line "Task timed out after 3.00 seconds"
    records = parse_log(row["raw"])
    if not expected:
        assert records == []
        return
    found = known(records[-1])
    request_id = found.pop("request_id", None)
    assert found == expected
    if request_id is not None:
        assert request_id in row["raw"]
        assert find_report(row["raw"], request_id) == records[-1]
        assert find_report(row["raw"], "another") is None


@pytest.mark.parametrize(
    "row", [row for row in CORPUS if "billed_restore" in row["exp"]], ids=lambda row: str(row["n"])
)
def test_billed_already_contains_restore(row: dict[str, Any]) -> None:
    """Adding billed restore to billed would count it twice."""
    record = parse_log(row["raw"])[-1]
    assert isinstance(record, ReportRecord)
    assert record.billed_ms is not None
    assert record.billed_restore_ms is not None
    assert 0 <= record.billed_ms - (record.duration_ms + record.billed_restore_ms) < 1


def test_all_real_records_in_one_log() -> None:
    """A log of all of them gives each of them, but for the two that their neighbours name an end of."""
    log = "\n".join(row["raw"].rstrip("\n") for row in CORPUS)
    found = {record.request_id for record in parse_log(log) if isinstance(record, ReportRecord)}
    alone = {
        record.request_id for row in CORPUS for record in parse_log(row["raw"]) if isinstance(record, ReportRecord)
    }
    assert found == alone


def test_cold_warm_and_endings() -> None:
    """A record tells whether it is cold, timed out, or ran out of memory."""
    warm, cold = (find_report(REPORT_A + more, A) for more in ("", "Init Duration: 110.10 ms\t"))
    assert warm is not None
    assert cold is not None
    assert (warm.cold, warm.cold_start_ms, warm.timed_out, warm.out_of_memory) == (False, None, False, False)
    assert (cold.cold, cold.cold_start_ms) == (True, 110.1)
    restored = find_report(REPORT_A + "Restore Duration: 511.25 ms\tBilled Restore Duration: 0 ms", A)
    assert restored is not None
    assert (restored.cold, restored.cold_start_ms) == (True, 511.25)


# --- Layouts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("separator", ["\t", " ", "   ", " \t ", "\n", "\n\t", "\r\n"])
def test_separators(separator: str) -> None:
    """Fields may be apart by tabs, spaces, or lines."""
    record = find_report(f"something\n{REPORT_A.replace(chr(9), separator)}\nREPORT RequestId: {B}", A)
    assert record == ReportRecord(A, 46.84, 47, 192, 72)


def test_wrapped_records() -> None:
    """A record that was broken into lines between fields is read to its end."""
    whole = REPORT_A + "Init Duration: 5.00 ms\tStatus: error\tError Type: Runtime.OutOfMemory"
    expected = find_report(whole, A)
    assert expected is not None
    assert expected.init_ms == 5
    for log in (
        whole.replace("\tBilled", "\nBilled").replace("\tInit", "\nInit"),
        whole.replace("\tDuration", "\t\nDuration").replace("\tInit", "\nInit"),
        whole.replace("\tMax", "\nMax"),
    ):
        assert find_report(f"{log}\nDuration: 5 ms of something", A) == expected


def test_any_order_of_fields() -> None:
    """No field is found by its column; unknown ones do not matter."""
    line = (
        f"REPORT RequestId: {A}\tBilled Restore Duration: 3 ms\tMax Memory Used: 72 MB\tInit Duration: 5 ms\t"
        "Throttled Duration: 9 ms\tMemory Size: 192 MB\tBilled Duration: 50.0 ms\tCache State: warm\t"
        "Restore Duration: 4.5 ms\tDuration: 46.84 ms\tStatus: error\tError Type: Runtime.ExitError"
    )
    assert find_report(line, A) == ReportRecord(
        A, 46.84, 50, 192, 72, 5.0, 4.5, 3, status="error", error_type="Runtime.ExitError"
    )


def test_a_record_anywhere_in_the_tail() -> None:
    """Extensions may write after the record."""
    assert find_report(f"cut off\n{END_A}\n{REPORT_A}\n[extension] flushed\n\n", A) is not None


def test_an_x_ray_line_belongs_to_the_record_before_it() -> None:
    """And to no other."""
    trace = "XRAY TraceId: 1-6ac7c67a-1c0aa43118a5d54708c0da61\tSegmentId: 2d54219895e821dd\tSampled: true\t"
    other = REPORT_A.replace(A, B)
    with_trace, without = parse_log(f"{REPORT_A}\n{trace}\n{other}\nnot a trace\n{trace}")
    assert isinstance(with_trace, ReportRecord)
    assert isinstance(without, ReportRecord)
    assert with_trace.xray_trace_id == "1-6ac7c67a-1c0aa43118a5d54708c0da61"
    assert without.xray_trace_id is None


def test_json_layouts() -> None:
    """Glued to text, in an array, pretty-printed, with spaces: it is the same record."""
    plain = json_report()
    pretty = json.dumps(json.loads(plain), indent=2)
    for log in (
        plain,
        f"  {plain}  ",
        f"[extension] says {{ and stops.{plain}",
        f"[extension] level is info.{plain}flushed",
        f"{json_report(B)}{plain}",
        f"[{json_report(B)},{plain}]",
        pretty,
        f"[\n{json_report(B)},\n{plain}\n]",
        plain.replace(":", ": ").replace(",", ", "),
    ):
        assert find_report(log, A) == ReportRecord(A, 46.84, 47, 192, 72, status="success"), log
        assert sum(isinstance(record, ReportRecord) and record.request_id == A for record in parse_log(log)) == 1


def test_json_status_and_trace() -> None:
    """The status may stand in the record, beside the metrics or in them; the trace is the root."""
    for place in ("record", "metrics", "item"):
        item = json.loads(json_report())
        del item["record"]["status"]
        {"record": item["record"], "metrics": item["record"]["metrics"], "item": item}[place]["status"] = "timeout"
        item["record"]["tracing"] = {"type": "X-Amzn-Trace-Id", "value": "Root=1-5e-0a;Parent=2f;Sampled=1"}
        record = find_report(json.dumps(item), A)
        assert record is not None
        assert record.timed_out
        assert record.xray_trace_id == "1-5e-0a"


def test_floats_for_integers() -> None:
    """Some writers make every number a float."""
    record = find_report(json_report(billed=47.0, memorySizeMB=192.0), A)
    assert record == ReportRecord(A, 46.84, 47, 192, 72, status="success")
    assert isinstance(record.billed_ms, int)


def test_init_and_restore_reports() -> None:
    """They stand apart from invocations, in text and JSON, and are kept whatever request is asked for."""
    item = {"type": "platform.initReport", "record": {"phase": "init", "status": "error", "metrics": {"durationMs": 9}}}
    log = f"INIT_REPORT Init Duration: 10.5 ms\tPhase: invoke\tStatus: timeout\n{json.dumps(item)}\n{REPORT_A}"
    assert parse_log(log, request_id="another") == [
        InitReport(10.5, "invoke", "timeout"),
        InitReport(9.0, "init", "error"),
    ]
    assert parse_log("RESTORE_REPORT Restore Duration: 3 ms") == [RestoreReport(3.0)]


# --- How old records tell their end ---------------------------------------------------------------------------------


def test_old_time_out() -> None:
    """The platform's line about the same request tells it, before or after the record."""
    line = f"2019-03-04T17:22:38.033Z {A} Task timed out after 3.00 seconds"
    report = REPORT_A.replace("46.84", "3003.16").replace(" 47 ", " 3000 ")
    for log in (f"{line}\n{report}", f"{report}\n{line}\n\n"):
        record = find_report(log, A)
        assert record is not None
        assert record.timed_out
    for unrelated in (
        line.replace(A, B),
        line.replace(A, ""),
        line.replace("3.00", "300.00"),
        line.replace("3.00", "1.00"),
    ):
        other = find_report(f"{unrelated}\n{report}", A)
        assert other is not None
        assert other.status is None


def test_a_function_that_talks_of_time_outs_did_not_time_out() -> None:
    """The record's own duration is below the timeout that the line tells."""
    record = find_report(f"2026-03-04T17:22:38.033Z {A} Task timed out after 3.00 seconds\n{REPORT_A}", A)
    assert record is not None
    assert record.status is None


def test_old_out_of_memory() -> None:
    """The kernel killed the runtime: that is what exhausted memory looked like."""
    line = f"RequestId: {A} Error: Runtime exited with error: signal: killed\nRuntime.ExitError"
    record = find_report(f"{START_A}\n{line}\n{END_A}\n{REPORT_A}", A)
    assert record is not None
    assert (record.status, record.out_of_memory) == ("error", True)
    other = find_report(f"{line.replace(A, B)}\n{REPORT_A}", A)
    assert other is not None
    assert not other.out_of_memory
    new = find_report(f"{REPORT_A}Status: error\tError Type: Runtime.OutOfMemory", A)
    assert new is not None
    assert new.out_of_memory


# --- Forgeries ------------------------------------------------------------------------------------------------------


def test_a_record_not_at_the_start_of_a_line_does_not_count() -> None:
    """Nor after what only looks like a line break."""
    for before in (" ", "x", "\t", "\r", "\x0b", "\x0c", "\x1e", "\x85", "\u2028", "INFO: ", "\ufeff"):
        assert parse_log(f"output{before}{REPORT_A}") == []
        assert parse_log(f"{before}{REPORT_A}") == []


def test_a_forged_record_before_the_end_does_not_count() -> None:
    """The platform's record comes after END; without it there is none."""
    assert find_report(f"{START_A}\n{FORGED_A}\n{END_A}\n{REPORT_A}", A) == ReportRecord(A, 46.84, 47, 192, 72)
    assert find_report(f"{FORGED_A}\n{END_A}\n{REPORT_A}", A) == ReportRecord(A, 46.84, 47, 192, 72)
    for cut in (f"{START_A}\n{FORGED_A}\n{END_A}\n{REPORT_A[:60]}", f"{START_A}\n{FORGED_A}", f"{FORGED_A}\n{END_A}"):
        assert find_report(cut, A) is None
        assert parse_log(cut, request_id=A) == []


def test_a_log_without_any_end_has_been_filtered() -> None:
    """Whoever keeps only STARTs and REPORTs of a log still gets them; one invocation's tail is not filtered."""
    filtered = f"{START_A}\n{REPORT_A}\n{START_A.replace(A, B)}\n{REPORT_A.replace(A, B)}"
    assert len(parse_log(filtered)) == 2
    assert find_report(filtered, A) is None


def test_any_error_type() -> None:
    """Runtimes name errors as their languages do."""
    for name in ("Runtime.ExitError", "*errors.errorString", "alloc::string::String", "Function<Error>"):
        record = find_report(f"{REPORT_A}Status: error\tError Type: {name}", A)
        assert record is not None
        assert record.error_type == name


def test_without_start_and_end_the_last_record_counts() -> None:
    """A tail may be too short for them."""
    assert find_report(f"{FORGED_A}\n{REPORT_A}", A) == ReportRecord(A, 46.84, 47, 192, 72)
    assert find_report(f"{json_report(duration=1.0, billed=1)}\n{json_report()}", A) == ReportRecord(
        A, 46.84, 47, 192, 72, status="success"
    )


def test_another_request_s_record_does_not_count() -> None:
    """Whatever stands in the tail, the request id must be the invocation's own."""
    assert find_report(FORGED_A.replace(A, B), A) is None
    assert find_report(FORGED_A.replace(A, A + "0"), A) is None
    assert find_report(FORGED_A.replace(A, A[:-1]), A) is None


def test_a_record_of_the_other_format_does_not_count() -> None:
    """A function that logs in text cannot forge JSON, nor the other way round."""
    assert find_report(f"{START_A}\n{END_A}\n{REPORT_A}\n{json_report(duration=1.0, billed=1)}", A) == ReportRecord(
        A, 46.84, 47, 192, 72
    )
    began = json.dumps({"time": "", "type": "platform.start", "record": {"requestId": A, "version": "8"}})
    assert find_report(f"{began}\n{json_report()}\n{FORGED_A}", A) == ReportRecord(
        A, 46.84, 47, 192, 72, status="success"
    )


def test_a_message_about_a_record_does_not_count() -> None:
    """A record inside of a log message is the function's, also where the message is cut."""
    forged = json_report(duration=1.0, billed=1)
    message = f'{{"timestamp":"","level":"INFO","message":{forged}}}'
    for log in (
        message,
        message[1:],
        message[20:],
        message[20:-1],
        f'{{"level":"INFO","events":[{forged}]}}',
        f'"events":[{forged},{forged}]}}',
        json.dumps({"message": forged}),
        json.dumps({"message": forged})[5:],
    ):
        assert find_report(log, A) is None, log
        assert find_report(f"{log}\n{json_report()}", A) == ReportRecord(A, 46.84, 47, 192, 72, status="success")


def test_retries_of_one_request_are_all_kept() -> None:
    """An asynchronous invocation is retried under its own request id."""
    log = "\n".join((START_A, END_A, FORGED_A, START_A, END_A, REPORT_A))
    assert [record.duration_ms for record in parse_log(log) if isinstance(record, ReportRecord)] == [1.0, 46.84]
    assert find_report(log, A) == ReportRecord(A, 46.84, 47, 192, 72)


CPU_FIELDS = "CPU Time: 40.125 ms\tMax Threads: 12 threads\t"


def test_cpu_time_and_threads() -> None:
    """The embedded AWS can write two fields more, in either format; AWS's own records have neither."""
    expected = ReportRecord(A, 46.84, 47, 192, 72, cpu_ms=40.125, thread_count=12)
    assert parse_log(REPORT_A + CPU_FIELDS) == [expected]
    assert parse_log(json_report(cpuTimeMs=40.125, maxThreads=12)) == [dataclasses.replace(expected, status="success")]
    assert all(
        record.cpu_ms is None and record.thread_count is None
        for row in CORPUS
        for record in parse_log(row["raw"])
        if isinstance(record, ReportRecord)
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        *(("40.125", number) for number in ("-1", "NaN", "1e3", "", "99999999")),
        *((" 12 ", f" {number} ") for number in ("-1", "1.5", "", "99999999")),
        *(("40.125 ms", cut) for cut in ("40.125 s", "40.125")),
        *(("12 threads", cut) for cut in ("12 thread", "12")),
    ],
)
def test_damaged_cpu_fields_give_no_record(old: str, new: str) -> None:
    """They are held to the rules of all other fields."""
    assert parse_log(REPORT_A + CPU_FIELDS.replace(old, new)) == []


# --- Numbers that cannot be -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("46.84", number)
        for number in (
            "NaN",
            "-46.84",
            "inf",
            "1e3",
            "46,84",
            "1,046.84",
            "46.84.1",
            "",
            "٤٦",
            "99999999",
            "0x2e",
            "+46.84",
        )
    ]
    + [(" 47 ", f" {number} ") for number in ("-47", "47.5", "NaN", "99999999", "")]
    + [(" 192 ", f" {number} ") for number in ("-1", "0", "NaN", "19.5", "99999", "30")]
    + [(" 72 ", " 7200 "), (" MB", " KB"), ("84 ms", "84 s"), ("84 ms", "84"), ("Duration: 46.84 ms", "Duration:")],
)
def test_impossible_text_numbers_give_no_record(old: str, new: str) -> None:
    """NaN, negative, absurd, foreign, contradicting: unmeasured, never a wrong number."""
    line = REPORT_A.replace(old, new, 1)
    assert line != REPORT_A
    assert parse_log(line) == []


@pytest.mark.parametrize(
    "number",
    [float("nan"), float("inf"), -1, True, "46.84", [46.84], 1e12, {}, 10**400],
    ids=lambda number: str(number)[:8],
)
@pytest.mark.parametrize(
    "name", ["durationMs", "billedDurationMs", "memorySizeMB", "initDurationMs", "cpuTimeMs", "maxThreads"]
)
def test_impossible_json_numbers_give_no_record(name: str, number: Any) -> None:
    """Also text, truth values and what is not JSON at all."""
    assert parse_log(json_report(**{name: number})) == []


def test_damaged_json_numbers_give_no_record() -> None:
    """Lambda writes no exponents, and no null duration."""
    assert parse_log(json_report().replace("46.84", "46e84")) == []
    assert parse_log(json_report(duration=11.5).replace("11.5", "1e1")) == []
    assert parse_log(json_report(duration=None)) == []
    absent = find_report(json_report(billed=None), A)
    assert absent is not None
    assert absent.billed_ms is None


def test_a_field_twice_gives_no_record() -> None:
    """Two values for one field: two records have been joined."""
    assert parse_log(f"{REPORT_A}Duration: 47.84 ms") == []
    assert parse_log(f"{REPORT_A}Duration: 46.84 ms") == [ReportRecord(A, 46.84, 47, 192, 72)]


def test_joined_records() -> None:
    """Of two records on one line the first one keeps its own numbers, and the second one does not count."""
    assert parse_log(f"{REPORT_A}{REPORT_A.replace(A, B).replace('72', '99')}Init Duration: 5 ms") == [
        ReportRecord(A, 46.84, 47, 192, 72)
    ]


@pytest.mark.parametrize("kept", range(1, len(REPORT_A)))
def test_every_cut_of_a_record(kept: int) -> None:
    """A cut record is refused, or has only whole fields."""
    whole = known(ReportRecord(A, 46.84, 47, 192, 72))
    for record in parse_log(REPORT_A[:kept]):
        assert known(record).items() <= whole.items()
    full = REPORT_A + "Init Duration: 110.10 ms\tStatus: error\tError Type: Runtime.ExitError"
    for record in parse_log(full[: len(REPORT_A) + kept]):
        found = known(record)
        found.pop("error_type", None)
        assert found.items() <= {**whole, "init_ms": 110.1, "status": "error"}.items()
    for record in parse_log((REPORT_A + CPU_FIELDS)[: len(REPORT_A) + kept]):
        assert known(record).items() <= {**whole, "cpu_ms": 40.125, "thread_count": 12}.items()


# --- Mutations ------------------------------------------------------------------------------------------------------

REPORTS = [
    (row, record)
    for row in CORPUS
    for record in parse_log(row["raw"])[-1:]
    if isinstance(record, ReportRecord) and not row["exp"].get("emulator")
]
NUMBERS = (
    "duration_ms",
    "billed_ms",
    "memory_size_mb",
    "max_memory_used_mb",
    "init_ms",
    "restore_ms",
    "billed_restore_ms",
)


def assert_no_wrong_number(log: str, truth: ReportRecord) -> None:
    """Either unmeasured, or each number the true one or absent."""
    found = find_report(log, truth.request_id)
    for record in [*parse_log(log), *read_all(log), *([found] if found else [])]:
        if not isinstance(record, ReportRecord):
            continue
        true = [other for _, other in REPORTS if other.request_id == record.request_id]
        assert not true or any(
            all(getattr(record, name) in (None, getattr(other, name)) for name in NUMBERS) for other in true
        ), (record, log)


def others_of(truth: ReportRecord) -> list[str]:
    """Logs of the corpus that are of other requests."""
    return [row["raw"] for row, record in REPORTS if record.request_id != truth.request_id]


@st.composite
def mutated_logs(draw: st.DrawFn) -> tuple[str, ReportRecord]:
    """Draw a log that holds a real record, among other requests' ones, and damage it.

    Cuts at any place, lines lost, joined, repeated and put in another order,
    bytes put in or lost. Only what can make another number of the same form
    is left out, which nobody could tell: a digit or point put in or lost.
    """
    row, truth = draw(st.sampled_from(REPORTS))
    parts = [row["raw"], *draw(st.lists(st.sampled_from(others_of(truth)), max_size=3))]
    parts += draw(st.lists(st.text(max_size=40), max_size=2))
    lines = "\n".join(draw(st.permutations(parts))).split("\n")
    for mutation in draw(st.lists(st.sampled_from(["cut", "lose", "join", "order", "put", "drop"]), max_size=4)):
        at = draw(st.integers(min_value=0, max_value=max(len(lines) - 1, 0)))
        if mutation == "cut":
            log = "\n".join(lines)
            begin = draw(st.integers(min_value=0, max_value=len(log)))
            lines = log[begin : draw(st.integers(min_value=begin, max_value=len(log)))].split("\n")
        elif mutation == "lose":
            del lines[at]
        elif mutation == "join":
            lines[at : at + 2] = ["".join(lines[at : at + 2])]
        elif mutation == "order":
            lines = list(draw(st.permutations(lines)))
        elif lines:
            line = lines[at]
            place = draw(st.integers(min_value=0, max_value=len(line)))
            if mutation == "put":
                strange = draw(st.characters(exclude_categories=("Nd",), exclude_characters="."))
                lines[at] = line[:place] + strange + line[place:]
            elif line[place : place + 1].isdigit() or line[place : place + 1] == ".":
                continue
            else:
                lines[at] = line[:place] + line[place + 1 :]
        if not lines:
            lines = [""]
    return "\n".join(lines), truth


@settings(max_examples=150, deadline=None)
@given(mutated_logs())
def test_mutated_logs_never_give_a_wrong_number(mutated: tuple[str, ReportRecord]) -> None:
    """Whatever happens to a log, no exception and no number that the record does not hold."""
    assert_no_wrong_number(*mutated)


def test_ten_thousand_mutated_logs() -> None:
    """The same, plainer and oftener: cuts, joins, other orders, lost and foreign bytes, one after the other."""
    chance = random.Random(20261123)
    found = 0
    for _ in range(10_000):
        row, truth = chance.choice(REPORTS)
        parts = [row["raw"], *chance.choices(others_of(truth), k=chance.randrange(3))]
        chance.shuffle(parts)
        log = "\n".join(parts)
        for _ in range(chance.randrange(4)):
            begin = chance.randrange(len(log) + 1)
            kind = chance.randrange(6)
            if kind == 0:
                log = log[begin:]
            elif kind == 1:
                log = log[:begin]
            elif kind == 2:
                breaks = [place for place, character in enumerate(log) if character == "\n"]
                if breaks:
                    place = chance.choice(breaks)
                    log = log[:place] + log[place + 1 :]
            elif kind == 3:
                lines = log.split("\n")
                chance.shuffle(lines)
                log = "\n".join(lines)
            elif kind == 4:
                log = log[:begin] + chance.choice('\0\t\n\r "\\{}[]:,-eEmsMBRx\x1b\x85\ufffd\u2028') + log[begin:]
            elif not log[begin : begin + 1].isdigit() and log[begin : begin + 1] != ".":
                log = log[:begin] + log[begin + 1 :]
        assert_no_wrong_number(log, truth)
        found += find_report(log, truth.request_id) is not None
    assert found > 4_000  # the rest is damaged beyond certainty


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(REPORTS),
    st.lists(
        st.one_of(st.text(max_size=60), st.from_regex(r"\A(REPORT |END |\{\"type\":)?[ -~\n]{0,80}\Z")), max_size=5
    ),
)
def test_any_text_around_a_record_leaves_it_alone(case: tuple[dict[str, Any], ReportRecord], noise: list[str]) -> None:
    """A whole record between whole lines of anything is found as it is."""
    row, truth = case
    before, after = "\n".join(noise[:3]), "\n".join(noise[3:])
    assume(truth.request_id not in before + after)
    assume(not re.match(r"\s*[A-Z]", after))  # might go on with the record, as an X-Ray line does
    raw = row["raw"].strip("\n")
    assume(not raw.startswith("[{"))
    found = find_report(f"{before}\n{raw}\n{after}", truth.request_id)
    assert found is not None
    assert known(found) == known(truth)


@settings(max_examples=100, deadline=None)
@given(st.one_of(st.text(), st.binary().map(lambda octets: octets.decode("utf-8", "replace"))))
@example("{" * 50_000)
@example('{"type":' * 20_000 + '"platform.')
@example('[{"time":"' * 20_000 + '"platform.report"')
@example("REPORT RequestId: a" + "\tDuration: 1 ms" * 20_000)
@example("REPORT RequestId: a" + "\tXa: 1" * 20_000)
@example("REPORT RequestId: " + "a" * 200_000)
@example("Task timed out after " * 10_000)
@example('[1]\n{"events": 5}')
@example('{"events": [5, null, {"message": 5}]}')
@example('{"results": [[{"field": "@message", "value": 5}], 5, [5]]}')
@example("\ud800REPORT RequestId: a\tDuration: 1 ms")
def test_any_text_at_all(text: str) -> None:
    """Nothing raises and nothing takes long."""
    began_s = time.process_time()
    parse_log(text)
    read_all(text)
    list(iter_messages([text]))
    assert time.process_time() - began_s < 5


# --- Logs as users have them ----------------------------------------------------------------------------------------

STREAM = "2026/11/23/[$LATEST]0a1b2c3d4e5f"
TRUTH = [ReportRecord(A, 46.84, 47, 192, 72, xray_trace_id="1-6ac7c67a-1c0aa43118a5d54708c0da61")]
MESSAGES = [
    f"{START_A}\n",
    f"{FORGED_A}\n",
    f"{END_A}\n",
    f"{REPORT_A}\nXRAY TraceId: 1-6ac7c67a-1c0aa43118a5d54708c0da61\tSegmentId: 2d\tSampled: true\t\n",
]


def prefixed(prefix: str) -> str:
    """Write the messages as a command does that puts a prefix before each."""
    return "\n".join(prefix + message for message in MESSAGES)


@pytest.mark.parametrize(
    "log",
    [
        "".join(MESSAGES),
        prefixed(f"2026-11-23T10:00:00.123000+00:00 {STREAM} "),
        prefixed(f"\x1b[32m2026-11-23T10:00:00.123000+00:00\x1b[0m \x1b[36m{STREAM}\x1b[0m "),
        prefixed("2026-11-23T10:00:00 "),
        prefixed("2026-11-23 10:00:00,123  "),
        prefixed("10:00:00 "),
        "\t".join(["INIT_START Runtime Version: python:3.13.v1\n", *MESSAGES]),
        prefixed(f"{STREAM} 2026-11-23T10:00:00.123000 "),
        prefixed(f"EVENTS\t38291\t1763890000000\t{STREAM}\t"),
        json.dumps(
            {"events": [{"message": message, "timestamp": 1, "eventId": "1"} for message in MESSAGES]}, indent=4
        ),
        json.dumps([{"message": message, "timestamp": 1, "logStreamName": STREAM} for message in MESSAGES]),
        json.dumps(MESSAGES, indent=4),
        json.dumps({"results": [[{"field": "@message", "value": message}] for message in MESSAGES]}),
        json.dumps(
            {
                "messageType": "DATA_MESSAGE",
                "logEvents": [{"id": "1", "timestamp": 1, "message": message} for message in MESSAGES],
            }
        ),
        "\n".join(json.dumps({"message": message, "timestamp": 1}) for message in MESSAGES),
    ],
    ids=[
        "raw",
        "tail",
        "coloured",
        "short",
        "viewer",
        "clock",
        "tabs",
        "sam",
        "text",
        "filter",
        "list",
        "messages",
        "insights",
        "subscription",
        "lines",
    ],
)
def test_logs_as_the_aws_cli_writes_them(log: str) -> None:
    """The same records, whatever wrote the log down."""
    assert read_all(log) == TRUTH


def test_pretty_json_of_aws_logs_tail() -> None:
    """It spreads one event over many lines."""
    events = [json_report(B), json_report()]
    log = "\n".join(
        f"2026-11-23T10:00:00+00:00 {STREAM} \n{json.dumps(json.loads(event), indent=2)}" for event in events
    )
    assert [record.request_id for record in read_all(log) if isinstance(record, ReportRecord)] == [B, A]


def test_messages_without_what_was_put_around_them() -> None:
    """A message may have several lines; an empty list has none."""
    assert list(iter_messages([f"2026-11-23T10:00:00.5+00:00 {STREAM} hello\nworld"])) == ["hello\nworld"]
    assert list(iter_messages(["one\ntwo"])) == ["one", "two"]
    assert list(iter_messages(['{"events": []}'])) == []
    assert list(iter_messages([])) == []


def test_a_function_cannot_forge_by_a_prefix() -> None:
    """In a raw log a time before a record is the function's own output."""
    log = f"2026-11-23T10:00:00 {FORGED_A}\n{START_A}\n{END_A}\n{REPORT_A}"
    assert read_all(log) == [ReportRecord(A, 46.84, 47, 192, 72)]
    message = json.dumps({"timestamp": "2026-11-23T10:00:00Z", "level": "INFO", "message": FORGED_A})
    assert read_all(f"{message}\n{json_report()}") == [ReportRecord(A, 46.84, 47, 192, 72, status="success")]


def test_parsing_is_quick() -> None:
    """More than 20,000 records a second; a fifth of that is asserted, as machines that test are busy."""
    log = "\n".join(row["raw"].rstrip("\n") for row, _ in REPORTS) + "\n"
    count = 5_000 // len(REPORTS)
    began = time.process_time()
    records = parse_log(log * count)
    assert len(records) / (time.process_time() - began) > 4_000


# --- Logs of any length ---------------------------------------------------------------------------------------------


def in_pieces(text: str, sizes: random.Random) -> Iterator[str]:
    """Cut a text anywhere."""
    position = 0
    while position < len(text):
        size = sizes.choice((1, 7, 100, 4_096))
        yield text[position : position + size]
        position += size


def long_log(count: int) -> list[str]:
    """Messages of so many invocations, each with a forged record before the true one."""
    messages = []
    for number in range(count):
        request_id = f"{number:08d}-149a-b642-81ff-2e8e376d8aff"
        messages += [
            f"START RequestId: {request_id} Version: $LATEST\n",
            f"REPORT RequestId: {request_id}\tDuration: 1.00 ms\tBilled Duration: 1 ms\n",
            f"END RequestId: {request_id}\n",
            f"REPORT RequestId: {request_id}\tDuration: {number}.50 ms\tBilled Duration: {number + 1} ms\t\n"
            f"XRAY TraceId: 1-{number}\tSegmentId: 2d\tSampled: true\t\n",
        ]
    return messages


@pytest.mark.parametrize("form", ["raw", "tail", "filter", "compact", "pretty", "lines", "subscriptions", "csv"])
def test_a_long_log_gives_every_record_wherever_it_is_cut(form: str) -> None:
    """More records than wait at once, in pieces of any size."""
    count = WAITING_RECORDS + 500
    messages = long_log(count)
    events = [{"logStreamName": STREAM, "timestamp": 1, "message": message, "eventId": "1"} for message in messages]
    log = {
        "raw": lambda: "".join(messages),
        "tail": lambda: "".join(f"2026-11-23T10:00:00.123000+00:00 {STREAM} {message}" for message in messages),
        "filter": lambda: json.dumps({"events": events, "searchedLogStreams": [{"a": []}]}, indent=4),
        "compact": lambda: json.dumps({"nextForwardToken": "f/1", "events": events}),
        "pretty": lambda: "\n".join(json.dumps(event, indent=2) for event in events),
        "lines": lambda: "\n".join(json.dumps(event) for event in events),
        "subscriptions": lambda: "".join(
            json.dumps({"messageType": "DATA_MESSAGE", "subscriptionFilters": ["a"], "logEvents": events[at : at + 40]})
            for at in range(0, len(events), 40)
        ),
        "csv": lambda: "timestamp,message\n" + "".join(f'1,"{message}"\n' for message in messages),
    }[form]()
    records = list(read_records(in_pieces(log, random.Random(7))))
    assert records == [
        ReportRecord(f"{number:08d}-149a-b642-81ff-2e8e376d8aff", number + 0.5, number + 1, xray_trace_id=f"1-{number}")
        for number in range(count)
    ]


def test_a_log_is_not_held_in_memory() -> None:
    """A stream of 80 MB is read while only a few are held."""
    block = "".join(long_log(200)) + ("function output " * 64 + "\n") * 2_000
    tracemalloc.start()
    count = sum(1 for _ in read_records(itertools.repeat(block, 40)))
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 8_000
    assert peak_bytes < 30_000_000


def test_records_come_before_the_log_ends() -> None:
    """A reader that stops early has not waited for the rest."""

    def endless() -> Iterator[str]:
        for number in itertools.count():
            yield "".join(long_log(1)).replace("00000000-149a", f"{number:08d}-149a")

    assert len(list(itertools.islice(read_records(endless()), 10))) == 10


def test_what_is_too_long_for_a_line_is_left_out() -> None:
    """And does not stop the reading, nor hide what follows on a line of its own."""
    pieces = ["x" * 1_000_000] * 12 + [f"{REPORT_A}\n{REPORT_A}\n"]
    assert sum(map(len, pieces)) > 2 * LONGEST_CHARACTERS
    assert list(read_records(pieces)) == [ReportRecord(A, 46.84, 47, 192, 72)]


def test_a_cut_download_gives_what_is_whole() -> None:
    """A document without its end: the events before the cut count."""
    events = [{"message": message, "timestamp": 1, "eventId": "1"} for message in long_log(3)]
    text = json.dumps({"events": events}, indent=4)
    assert len(read_all(text[:-40])) == 2
    assert len(read_all(text[: len(text) // 2])) == 1


def test_the_console_s_table() -> None:
    """A quoted message may have several lines; other columns and tables do not matter."""
    rows = "".join(f'1763890000000,"{message}",{STREAM}\n' for message in MESSAGES)
    assert read_all("timestamp,message,logStreamName\n" + rows) == TRUTH
    assert read_all("@timestamp,@message\n" + rows) == TRUTH
    assert read_all("name,age\n" + "".join(MESSAGES)) == TRUTH
    assert read_all('timestamp,message\n1,"' + "x" * 200_000 + '\n1,"' + REPORT_A + '"\n') == [
        ReportRecord(A, 46.84, 47, 192, 72)
    ]


def test_the_latest_first_is_read_the_other_way_round() -> None:
    """Logs Insights sorts so by default; read as it stands, each REPORT would be before its END, as forged ones are."""
    times = ["2026-11-23 10:00:00.123", "2026-11-23 10:00:00.124", "2026-11-23 10:00:01.000", "2026-11-23 10:00:01.001"]
    pairs = list(zip(times, MESSAGES, strict=True))[::-1]
    cells = [[{"field": "@timestamp", "value": at}, {"field": "@message", "value": text}] for at, text in pairs]
    objects = [{"@timestamp": at, "@message": text} for at, text in pairs]
    rows = "".join(f'{at},"{text}"\n' for at, text in pairs)
    for log in (
        json.dumps({"results": cells}),
        json.dumps({"statistics": {"a": {"b": 1}}, "results": cells}, indent=2),
        json.dumps(objects, indent=2),
        "@timestamp,@message\n" + rows,
    ):
        assert read_all(log) == TRUTH, log
    as_object = [{"@timestamp": "", "@message": json.loads(json_report())}]
    assert read_all(json.dumps(as_object)) == [ReportRecord(A, 46.84, 47, 192, 72, status="success")]


def test_a_prefix_of_stream_alone() -> None:
    """As awslogs writes it."""
    assert read_all(prefixed(f"/aws/lambda/thumbnails {STREAM} ")) == TRUTH
    assert read_all(prefixed(f"{STREAM} ")) == TRUTH


def test_documents_one_after_the_other() -> None:
    """As jq writes them, and telemetry subscribers."""
    pretty = "\n".join(json.dumps(json.loads(json_report(request_id)), indent=2) for request_id in (B, A))
    batches = f"[{json_report(B)}]\n[{json_report()}]"
    for log in (pretty, batches, f"[{json_report(B)},\n{json_report()}]\n", f"{json_report(B)}\n{json_report()}"):
        assert [record.request_id for record in read_all(log) if isinstance(record, ReportRecord)] == [B, A]


def test_a_shell_s_words_before_a_prefixed_log() -> None:
    """The prefix is told by the platform's own lines where the first line has none."""
    log = "$ aws logs tail /aws/lambda/a\n" + prefixed(f"2026-11-23T10:00:00.123000+00:00 {STREAM} ")
    assert read_all(log) == TRUTH


def test_a_function_cannot_forge_by_a_list_in_its_log() -> None:
    """What stands in a function's own JSON is its own."""
    forged = json_report(duration=1.0, billed=1)
    for line in (
        f'{{"level":"INFO","events":[{forged}]}}',
        f'{{"results":[{forged}]}}',
        f'{{"logEvents":[[{forged}]]}}',
    ):
        assert read_all(line) == []
        assert read_all(f"{line}\n{json_report()}") == [ReportRecord(A, 46.84, 47, 192, 72, status="success")]
    assert read_all(f"[{json_report(duration=11.5).replace('11.5', '1e1')}]\n") == []


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(REPORTS), st.integers(min_value=0, max_value=2**32), st.booleans())
def test_cutting_a_log_into_pieces_changes_nothing(
    case: tuple[dict[str, Any], ReportRecord], seed: int, lead: bool
) -> None:
    """Whatever the pieces, the records are those of the whole."""
    row, _ = case
    text = ("hello\n" if lead else "") + row["raw"]
    assert list(read_records(in_pieces(text, random.Random(seed)))) == read_all(text)
