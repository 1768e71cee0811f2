"""Text records: ``REPORT``, ``INIT_REPORT`` and ``RESTORE_REPORT`` lines."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from tuner.core.log_records.records import (
    InitReport,
    RefusedRecord,
    ReportRecord,
    RestoreReport,
    milliseconds,
    report_record,
)

MAX_RECORD_LINES = 14
"""Over how many lines a record may be spread, where a viewer wrapped it."""

_HEAD = re.compile(r"REPORT[ \t]+RequestId:[ \t]*([^\s\\]+)")

# Longer labels stand before those that they end in.
_MILLISECONDS = (
    "Billed Restore Duration",
    "Restore Duration",
    "Billed Duration",
    "Init Duration",
    "Duration",
    "CPU Time",
    "Core Wait Error",
    "Core Wait",
)
_MEGABYTES = ("Max Memory Used", "Memory Size")
_THREADS = "Max Threads"
_WORDS = ("Error Type", "Status", "Phase")
_LABELS = (*_MILLISECONDS, *_MEGABYTES, _THREADS, *_WORDS)
_NUMBER = r"([0-9]+(?:\.[0-9]+)?)"
_FIELD = re.compile(
    r"[ \t\r\n]*(?:"
    rf"({'|'.join(_MILLISECONDS)}):[ \t]*{_NUMBER}[ \t]*ms"
    rf"|({'|'.join(_MEGABYTES)}):[ \t]*{_NUMBER}[ \t]*MB"
    rf"|({_THREADS}):[ \t]*([0-9]+)[ \t]*threads"
    r"|(Status|Phase):[ \t]*([a-z][a-z_-]*)"
    r"|(Error Type):[ \t]*([^\s]+)"
    r"|(XRAY TraceId|SegmentId|Sampled):[ \t]*([A-Za-z0-9-]+)"
    r")"
)
# A field that a later Lambda may add. "… RequestId" begins another line that has been joined to this one.
_UNKNOWN_FIELD = re.compile(r"[ \t]*((?:[A-Z][A-Za-z]*[ ]){0,3}[A-Z][A-Za-z]*):[ \t]*[^\s]+(?:[ \t]*(?:ms|MB|KB|s)\b)?")
_XRAY = re.compile(r"XRAY TraceId:[ \t]*([A-Za-z0-9-]+)")
_STATUSES = ("success", "failure", "error", "timeout")


def read_text_report(lines: Sequence[str], position: int, request_id: str | None) -> ReportRecord | None:
    """Read the ``REPORT`` record that begins on a line, with the lines on which it goes on."""
    line = lines[position]
    if "\\t" in line:  # jq's @tsv writes a tab so, and a JSON text whose quotes were cut off has it
        line = line.replace("\\t", "\t")
    head = _HEAD.match(line)
    if head is None or (request_id is not None and head[1] != request_id):
        return None
    try:
        fields, _ = _text_fields(line, head.end())
        spread = line[head.end() :].strip() == ""
        for following in lines[position + 1 : position + MAX_RECORD_LINES]:
            trace = _XRAY.match(following)
            if trace is not None:
                fields.setdefault("XRAY TraceId", trace[1])
                break
            if not spread and "Max Memory Used" in fields:
                break
            # Wrapped, as some viewers copy it: a line of nothing but fields goes on with the record.
            if _FIELD.match(following) is None:
                break
            more, glued = _text_fields(following, 0)
            if glued:
                break
            _merge(fields, more)
            spread = True
        if "Duration" not in fields:
            return None
        numbers = {label: float(fields[label]) for label in (*_MILLISECONDS, *_MEGABYTES, _THREADS) if label in fields}
        return report_record(
            head[1],
            numbers,
            status=fields.get("Status"),
            error_type=fields.get("Error Type"),
            xray_trace_id=fields.get("XRAY TraceId"),
        )
    except RefusedRecord:
        return None


def read_text_phase_report(line: str) -> InitReport | RestoreReport | None:
    """Read an ``INIT_REPORT`` or ``RESTORE_REPORT`` line."""
    try:
        if line.startswith("INIT_REPORT "):
            fields, _ = _text_fields(line, len("INIT_REPORT"))
            init = fields.get("Init Duration")
            if init is not None:
                return InitReport(
                    milliseconds(float(init)), fields.get("Phase"), fields.get("Status"), fields.get("Error Type")
                )
        elif line.startswith("RESTORE_REPORT "):
            fields, _ = _text_fields(line, len("RESTORE_REPORT"))
            restore = fields.get("Restore Duration")
            if restore is not None:
                return RestoreReport(milliseconds(float(restore)), fields.get("Status"), fields.get("Error Type"))
    except RefusedRecord:
        pass
    return None


def _text_fields(line: str, position: int) -> tuple[dict[str, str], str]:
    """Read fields one after the other until something that is none; returns them, and the text glued to the line.

    Raises:
        RefusedRecord: What ends them is a field after all, but a cut or impossible
            one; or a field is there twice.
    """
    fields: dict[str, str] = {}
    while True:
        match = _FIELD.match(line, position)
        if match is not None:
            position = match.end()
            index = match.lastindex or 0
            label, given = match[index - 1], match[index]
            if fields.setdefault(label, given) != given:
                raise RefusedRecord
            if label == "Status" and any(word.startswith(given) and word != given for word in _STATUSES):
                raise RefusedRecord
            continue
        rest = line[position:].strip()
        if not rest:
            return fields, ""
        for label in _LABELS:
            if rest.startswith(label + ":") or label.startswith(rest):
                raise RefusedRecord
        unknown = _UNKNOWN_FIELD.match(line, position)
        if unknown is None or "RequestId" in unknown[1]:
            return fields, rest
        position = unknown.end()


def _merge(fields: dict[str, str], more: Mapping[str, str]) -> None:
    for label, given in more.items():
        if fields.setdefault(label, given) != given:
            raise RefusedRecord
