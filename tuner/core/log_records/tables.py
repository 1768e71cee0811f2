"""Logs in tables: the console's CSV and Markdown, in any column, and what Logs Insights finds in a record by itself."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from tuner.core.log_records.order import Event, Time
from tuner.core.log_records.pieces import Pieces
from tuner.core.log_records.prefixes import PLATFORM_LINE

_MESSAGE_COLUMNS = ("@message", "message")
_TIME_COLUMNS = ("@timestamp", "timestamp", "time", "date", "_time")
_HEAD_LINES = 2_000
_COLUMN_NAME = re.compile(r"@?(?:[^\W\d][\w .()/-]{0,60}|#?)")
_A_TIME = re.compile(r"[0-9]{13}$|[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:")
_EXCEL_DELIMITER = re.compile(r"sep=[,;\t]\r?\n")
_BEFORE_A_GRID = re.compile(r"(?s:\*\*CloudWatch Logs Insights\*\*.{0,10000}?\n)?-{3,}[ \r]*\n(?=\|)")
"""What the console copies before a table: the query, a line of dashes."""
_MARKDOWN_CELLS = re.compile(r"(?<!\\)\|")

Split = Callable[[Iterable[str]], Iterator[list[str]]]


def table_events(text: Pieces) -> Iterator[Event] | None:
    """Read a table with a header; ``None`` if the text is not one with messages in it.

    The messages are in the column that holds Lambda's own lines, whatever its
    name, or in one called ``message``. Without one, a row of Logs Insights
    with ``@requestId`` and ``@duration`` is a record too. A table without a
    header (``jq``'s ``@csv``) is one whose platform lines stand in one column,
    not the first, and nowhere else.
    """
    if (delimiter := _EXCEL_DELIMITER.match(text.buffer)) is not None:
        text.take(delimiter.end())
    if (before := _BEFORE_A_GRID.match(text.buffer)) is not None:
        text.take(before.end())
    head = text.buffer.split("\n")[:_HEAD_LINES]
    first = head[0].strip("\r ")
    if not first or first[0] in "{[" or PLATFORM_LINE.match(first):
        return None
    for split in (_markdown,) if first[0] == "|" else (_csv(","), _csv(";"), _csv("\t")):
        rows = split(line + "\n" for line in head)
        header = [name.strip() for name in next(rows, [])]
        names = [name.lower() for name in header]
        if not all(_COLUMN_NAME.fullmatch(name) for name in names):
            # Tabs stand in a record, too: such lines have a prefix.
            column = None if "\t" in first else _message_column([""] * len(header), chain([header], rows))
            if column and not any(PLATFORM_LINE.match(line) for line in head):
                names = ["timestamp" if _A_TIME.match(cell) else "" for cell in header]
                return _events(names, column, split(line + "\n" for block in text.line_blocks() for line in block))
            continue
        if len(header) < 2 and not set(names) & set(_MESSAGE_COLUMNS):
            continue
        column = _message_column(names, rows)
        if column is not None or {"@requestid", "@duration"} <= set(names):
            content = split(line + "\n" for block in text.line_blocks() for line in block)
            next(content, None)
            return _events(header, column, content)
    return None


def insights_event(cells: Mapping[str, Any]) -> Event | None:
    """Read a row of Logs Insights: its message, or a record made of the fields that Insights finds in one."""
    message = cells.get("@message")
    if isinstance(message, dict):  # the console shows JSON messages as what they are
        message = json.dumps(message, ensure_ascii=False)
    if not isinstance(message, str):
        message = _record_of_fields(cells)
    time = str(cells.get("@timestamp") or "") or None
    return None if message is None else Event(time, message.rstrip("\n"), is_in_place=False)


def _record_of_fields(cells: Mapping[str, Any]) -> str | None:
    """Write the discovered fields of a REPORT as the record that they came from; sizes are in bytes of 10^6 a MB."""
    request_id, duration_ms = cells.get("@requestId"), _number(cells.get("@duration"))
    if not request_id or duration_ms is None:
        return None
    fields = [f"REPORT RequestId: {request_id}", f"Duration: {duration_ms:.10g} ms"]
    for label, name, divisor, unit in (
        ("Billed Duration", "@billedDuration", 1, "ms"),
        ("Memory Size", "@memorySize", 1_000_000, "MB"),
        ("Max Memory Used", "@maxMemoryUsed", 1_000_000, "MB"),
        ("Init Duration", "@initDuration", 1, "ms"),
    ):
        number = _number(cells.get(name))
        if number is not None:
            fields.append(f"{label}: {number / divisor:.10g} {unit}")
    return "\t".join(fields) + "\t"


def _events(header: Sequence[str], column: int | None, rows: Iterator[list[str]]) -> Iterator[Event]:
    times = [header.index(name) for name in header if name.lower() in _TIME_COLUMNS]
    for row in rows:
        if len(row) < len(header):
            continue  # a row that is not whole
        if column is None:
            event = insights_event(dict(zip(header, row, strict=False)))
            if event is not None:
                yield event
        else:
            time = _time(row[times[0]]) if times else None
            yield Event(time, row[column].strip("\n"), is_in_place="@message" not in header)


def _message_column(names: Sequence[str], rows: Iterable[list[str]]) -> int | None:
    for row in rows:
        for column, cell in enumerate(row):
            if len(row) >= len(names) > column and PLATFORM_LINE.match(cell.lstrip()):
                return column
    return next((names.index(name) for name in _MESSAGE_COLUMNS if name in names), None)


def _csv(delimiter: str) -> Split:
    def rows(lines: Iterable[str]) -> Iterator[list[str]]:
        reader = csv.reader(iter(lines), delimiter=delimiter)
        while True:
            try:
                yield next(reader)
            except StopIteration:
                return
            except csv.Error:
                continue

    return rows


def _markdown(lines: Iterable[str]) -> Iterator[list[str]]:
    for line in lines:
        cells = [cell.strip().replace("\\|", "|") for cell in _MARKDOWN_CELLS.split(line.strip())[1:-1]]
        if any(cell.strip(":-") for cell in cells):
            yield cells


def _time(text: str) -> Time:
    number = _number(text)
    return text or None if number is None else number


def _number(given: Any) -> float | None:
    try:
        number = float(given)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
