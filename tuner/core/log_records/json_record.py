"""JSON records: ``platform.report``, ``platform.initReport`` and ``platform.restoreReport``, wherever they stand."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from tuner.core.log_records.course import Course
from tuner.core.log_records.records import MAX_MS, InitReport, RefusedRecord, RestoreReport, milliseconds, report_record


def _plain_number(text: str) -> float:
    """Lambda writes no exponents: 1e1 is a damaged number, which is refused where it is used."""
    return math.nan if "e" in text or "E" in text else float(text)


DECODER = json.JSONDecoder(parse_float=_plain_number)
"""Reads JSON as Lambda writes it; a number in another style becomes NaN."""
_REPORTS = ("platform.report", "platform.initReport", "platform.restoreReport")
_NAMES = {
    "Duration": "durationMs",
    "Billed Duration": "billedDurationMs",
    "Memory Size": "memorySizeMB",
    "Max Memory Used": "maxMemoryUsedMB",
    "Init Duration": "initDurationMs",
    "Restore Duration": "restoreDurationMs",
    "Billed Restore Duration": "billedRestoreDurationMs",
    "CPU Time": "cpuTimeMs",
    "Max Threads": "maxThreads",
    "Core Wait": "coreWaitMs",
    "Core Wait Error": "coreWaitErrorMs",
}
"""Of a text record's numbers in a JSON record."""
_JSON_BEGINS = re.compile(r"\s*[\[{]")
_GLUED = re.compile(r'(?:\[\s*)?\{\s*"(?:time|type|record)"\s*:')
_MEMBER_BEFORE = re.compile(r'(?:"\s*:|,|\[)\s*\Z')
_MEMBER_AFTER = frozenset("}],")
_MAX_ATTEMPTS = 100
"""Of places on one line where a record might begin; bounds the work that a hostile line can make."""


def read_json_line(line: str, course: Course) -> None:
    """Read the records on one line, whatever else stands there."""
    position, attempts = len(line) - len(line.lstrip()), 0
    if line[position : position + 1] in ("{", "["):
        try:
            decoded, position = DECODER.raw_decode(line, position)
        except (ValueError, RecursionError):
            attempts += 1
        else:
            _read_json_value(decoded, course)
    while attempts < _MAX_ATTEMPTS:
        match = _GLUED.search(line, position)
        if match is None:
            return
        attempts += 1
        begin = match.start()
        try:
            decoded, end = DECODER.raw_decode(line, begin)
        except (ValueError, RecursionError):
            position = begin + 1
            continue
        position = end
        follows = line[end:].lstrip()[:1]
        if follows in _MEMBER_AFTER or _MEMBER_BEFORE.search(line, max(0, begin - 16), begin):
            continue  # a part of something larger
        _read_json_value(decoded, course)


def read_json_document(text: str, course: Course) -> bool:
    """Read JSON that spans lines, as pretty printers write it; tells whether the text was that."""
    if '"platform.' not in text or not _JSON_BEGINS.match(text) or "\n" not in text.strip():
        return False
    try:
        decoded = DECODER.decode(text)
    except (ValueError, RecursionError):
        return False
    _read_json_value(decoded, course)
    return True


def _read_json_value(decoded: Any, course: Course) -> None:
    for item in decoded if isinstance(decoded, list) else (decoded,):
        if not isinstance(item, dict):
            continue
        kind, record = item.get("type"), item.get("record")
        if not isinstance(kind, str) or not isinstance(record, dict):
            continue
        try:
            _read_platform_event(kind, item, record, course)
        except RefusedRecord:
            continue


def _read_platform_event(kind: str, item: Mapping[str, Any], record: Mapping[str, Any], course: Course) -> None:
    request_id = record.get("requestId")
    metrics = record.get("metrics")
    if kind == "platform.start" and isinstance(request_id, str):
        course.mark(request_id, began=True, is_json=True)
        return
    if not isinstance(metrics, dict) or kind not in _REPORTS:
        return
    duration = _json_number(metrics, "durationMs")
    if duration is None:
        return
    status = _word(record.get("status")) or _word(metrics.get("status")) or _word(item.get("status"))
    error_type = _word(record.get("errorType")) or _word(metrics.get("errorType")) or _word(item.get("errorType"))
    if kind == "platform.initReport":
        course.other(InitReport(milliseconds(duration), _word(record.get("phase")), status, error_type))
    elif kind == "platform.restoreReport":
        course.other(RestoreReport(milliseconds(duration), status, error_type))
    elif isinstance(request_id, str) and request_id and course.wants(request_id):
        read = {label: _json_number(metrics, name) for label, name in _NAMES.items()}
        numbers = {label: number for label, number in read.items() if number is not None}
        trace_id = _trace_id(record.get("tracing"))
        report = report_record(request_id, numbers, status=status, error_type=error_type, xray_trace_id=trace_id)
        course.report(report, is_json=True)


def _json_number(metrics: Mapping[str, Any], name: str) -> float | None:
    given = metrics.get(name)
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int | float) or not -MAX_MS <= given <= MAX_MS:
        raise RefusedRecord
    return given


def _word(given: Any) -> str | None:
    return given if isinstance(given, str) and given else None


def _trace_id(tracing: Any) -> str | None:
    value = tracing.get("value") if isinstance(tracing, dict) else None
    match = re.search(r"Root=([A-Za-z0-9-]+)", value) if isinstance(value, str) else None
    return match[1] if match else None
