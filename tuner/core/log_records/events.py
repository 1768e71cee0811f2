"""Logs as users have them at hand: takes off what the tool that wrote them down has put around each message.

Text comes in pieces and is never held as a whole, however large the log is.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from tuner.core.log_records.json_record import DECODER

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")

HEAD_CHARACTERS = 262_144
"""From so much of its beginning the form of a log is told."""
LONGEST_CHARACTERS = 4_194_304
"""What is longer than this without an end is no event: CloudWatch Logs takes 1 MB at most."""

_TIME = (
    r"(?:(?:[0-9]{4}-[0-9]{2}-[0-9]{2}[T ])?[0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]+)?"
    r"(?:Z|[+-][0-9]{2}:?[0-9]{2})?)"
)
_STREAM = r"(?:[^\s]*[0-9]{4}/[0-9]{2}/[0-9]{2}/[^\s]*\[[^\]\s]+\][^\s]*)"
_PREFIXES = (
    re.compile(rf"{_TIME}[ \t]+{_STREAM}[ \t]"),  # aws logs tail
    re.compile(rf"{_STREAM}[ \t]+{_TIME}[ \t]"),  # sam logs
    re.compile(rf"{_TIME}[ \t]+"),  # aws logs tail --format short, exports to S3, the console
    re.compile(rf"(?:/[^\s\"]+ )?(?![\"{{]){_STREAM}[ \t]+"),  # awslogs, and streams without a time
    re.compile(r"EVENTS\t(?:[0-9]+\t){1,2}(?:[^\s]*\[[^\]\s]+\][^\s]*\t)?"),  # --output text
)
_PLATFORM_LINE = re.compile(
    r'(?:REPORT|START|END)[ \t]+RequestId:|(?:INIT_START|INIT_REPORT|RESTORE_REPORT) |\{\s*"time"'
)
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_CSV_HEADER = re.compile(r'"?@?[A-Za-z.]+"?(?:,"?@?[A-Za-z.]+"?)+\r?\n')
_MESSAGE_COLUMNS = ("message", "@message")

_PLAIN_MEMBER = r'"[A-Za-z]+"\s*:\s*(?:"[^"\\]*"|[0-9.]+|null|true|false|\[[^\[\]{}]*\])\s*,\s*'
_EVENTS_BEGIN = re.compile(rf'\s*\{{\s*(?:{_PLAIN_MEMBER}){{0,20}}"(events|logEvents|results)"\s*:\s*\[')
_LATER_EVENTS = re.compile(r'(?<!\\)"(events|logEvents|results)"\s*:\s*\[')
_LIST_BEGINS = re.compile(r"\s*\[(?=\s*[\[{\"\]])")
_ROWS_BEGIN = re.compile(r'\s*\[\s*\{[^{}]{0,400}?"@message"\s*:')
_BETWEEN = re.compile(r"[\s,]*")


def iter_messages(pieces: Iterable[str]) -> Iterator[str]:
    """Take a log apart into its messages, whatever wrote it down.

    Knows raw lines; the prefixes of ``aws logs tail`` (in each of its
    formats), ``sam logs``, exports and the console; the JSON of
    ``aws logs filter-log-events``, ``get-log-events`` (whole, only their
    messages, or as JSON Lines), Logs Insights and subscriptions, also pretty
    and one document after the other; and the console's CSV. Anything else is
    taken as raw lines. A message may have several lines.

    Args:
        pieces: The text, cut anywhere.

    Example:
        >>> list(iter_messages(["2026-11-23T10:00:00 REPORT Req", "uestId: a"]))
        ['REPORT RequestId: a']
    """
    text = _Pieces(pieces)
    text.fill(HEAD_CHARACTERS)
    header = _CSV_HEADER.match(text.buffer)
    if header is not None and any(name.strip(' "\r\n') in _MESSAGE_COLUMNS for name in header[0].split(",")):
        yield from _csv_messages(text)
        return
    while text.buffer.strip() or text.fill(len(text.buffer) + 1):
        before = text.taken
        if _EVENTS_BEGIN.match(text.buffer) or _LIST_BEGINS.match(text.buffer):
            yield from _json_documents(text)
        elif text.buffer.lstrip()[:1] == "{":
            yield from _pretty_documents(text)
        if text.taken == before:
            yield from _line_messages(text)
            return
        text.fill(HEAD_CHARACTERS)


class _Pieces:
    """Text that comes in pieces, of which a part is in ``buffer``."""

    def __init__(self, pieces: Iterable[str]) -> None:
        self._pieces = iter(pieces)
        self.buffer = ""
        self.taken = 0
        """How many characters have been taken off the front."""
        self.ended = False

    def fill(self, least: int) -> bool:
        """Read on until the buffer holds so many characters; tells whether it does."""
        if len(self.buffer) >= least:
            return True
        parts, size = [self.buffer], len(self.buffer)
        while size < least and not self.ended:
            piece = next(self._pieces, None)
            if piece is None:
                self.ended = True
            else:
                parts.append(piece)
                size += len(piece)
        self.buffer = "".join(parts)
        return size >= least

    def take(self, count: int) -> str:
        """Take characters off the front."""
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        self.taken += len(taken)
        return taken

    def line_blocks(self) -> Iterator[list[str]]:
        """Take everything that is left, in blocks of whole lines; what is too long for a line is left out."""
        rest = self.take(len(self.buffer))
        left_out = False
        while True:
            end = rest.rfind("\n")
            if end >= 0:
                lines = rest[:end].split("\n")
                rest = rest[end + 1 :]
                yield lines[1:] if left_out else lines
                left_out = False
            if len(rest) > LONGEST_CHARACTERS:
                rest, left_out = "", True
            piece = next(self._pieces, None) if not self.ended else None
            if piece is None:
                self.ended = True
                if not left_out:
                    yield [rest]
                return
            rest += piece


# --- Lines ----------------------------------------------------------------------------------------------------------


def _line_messages(text: _Pieces) -> Iterator[str]:
    head = text.buffer.split("\n")
    if "\x1b[" in text.buffer:
        head = [_ANSI.sub("", line) for line in head]
    prefix = _prefix_of(head)
    if prefix is not None:
        yield from _prefixed_messages(text, prefix)
        return
    tabbed = _are_tabbed(head)
    for lines in text.line_blocks():
        for whole in lines:
            line = _ANSI.sub("", whole) if "\x1b[" in whole else whole
            if tabbed:
                line = line.removeprefix("\t")
            message = _json_line_message(line)
            yield line if message is None else message


def _prefixed_messages(text: _Pieces, prefix: re.Pattern[str]) -> Iterator[str]:
    current: list[str] = []
    size = 0
    for lines in text.line_blocks():
        for whole in lines:
            line = _ANSI.sub("", whole) if "\x1b[" in whole else whole
            match = prefix.match(line)
            if (match is not None or size > LONGEST_CHARACTERS) and current:
                yield _one_line("\n".join(current))
                current, size = [], 0
            current.append(line[match.end() :] if match is not None else line)
            size += len(line)
    if current:
        yield _one_line("\n".join(current))


def _prefix_of(lines: Sequence[str]) -> re.Pattern[str] | None:
    """Tell the prefix of a log by its first line, unless more platform lines stand there without one.

    Where no platform line stands without a prefix, the first one with one
    tells it: a shell's words may come first.
    """
    first = next((line for line in lines if line.strip()), "")
    raw = sum(_PLATFORM_LINE.match(line) is not None for line in lines)
    candidates = [first] if raw else [first, *lines]
    for line in candidates:
        for prefix in _PREFIXES:
            match = prefix.match(line)
            if match is None or (line is not first and not _PLATFORM_LINE.match(line, match.end())):
                continue
            prefixed = sum(
                _PLATFORM_LINE.match(other, found.end()) is not None
                for other in lines
                if (found := prefix.match(other))
            )
            return prefix if prefixed >= raw else None
    return None


def _are_tabbed(lines: Sequence[str]) -> bool:
    """Tell whether messages are apart by tabs, as ``--query 'events[].message' --output text`` writes them."""
    tabbed = sum(line[:1] == "\t" and _PLATFORM_LINE.match(line, 1) is not None for line in lines)
    return tabbed > 1 and tabbed > sum(_PLATFORM_LINE.match(line) is not None for line in lines)


def _one_line(message: str) -> str:
    """Undo the pretty printing of ``aws logs tail --format json``."""
    if "\n" in message and message.lstrip()[:1] == "{":
        try:
            return json.dumps(DECODER.decode(message), ensure_ascii=False)
        except (ValueError, RecursionError):
            pass
    return message.rstrip("\n")


def _json_line_message(line: str) -> str | None:
    if '"message"' not in line or line[:1] != "{":
        return None
    try:
        return _event_message(DECODER.decode(line))
    except (ValueError, RecursionError):
        return None


# --- JSON -----------------------------------------------------------------------------------------------------------


def _json_documents(text: _Pieces) -> Iterator[str]:
    """Read lists of events, item by item; takes nothing off where there is no such item."""
    begins = _LIST_BEGINS.match(text.buffer)
    if begins is not None:
        if _ROWS_BEGIN.match(text.buffer):
            rows, _ = _collected(_items(text, begins.end(), _insights_row))
            yield from _in_time_order(rows)
        else:
            yield from _items(text, begins.end(), _list_item_message)
        return
    begins = _EVENTS_BEGIN.match(text.buffer)
    while begins is not None:
        if begins[1] == "results":
            rows, ended = _collected(_items(text, begins.end(), _insights_row))
            yield from _in_time_order(rows)
        else:
            ended = yield from _items(text, begins.end(), _event_message)
        if not ended:
            return
        # The rest of this document, and what other documents follow.
        begins = _LATER_EVENTS.search(text.buffer)
        while begins is None:
            text.take(max(0, len(text.buffer) - 64))
            if not text.fill(len(text.buffer) + 1):
                text.take(len(text.buffer))
                return
            begins = _LATER_EVENTS.search(text.buffer)


def _items(text: _Pieces, position: int, read: Callable[[Any], Item | None]) -> Generator[Item, None, bool]:
    """Read the items of one list; tells whether its end was reached.

    Nothing is taken off, and nothing found, where its first item is not one
    that *read* knows.
    """
    is_known = False
    while True:
        between = _BETWEEN.match(text.buffer, position)
        position = between.end() if between else position
        if text.buffer[position : position + 1] == "]":
            text.take(position + 1)
            return True
        try:
            item, end = DECODER.raw_decode(text.buffer, position)
        except (ValueError, RecursionError):
            if text.ended or len(text.buffer) - position > LONGEST_CHARACTERS:
                if is_known:
                    text.take(position)
                return False
            if is_known:
                text.take(position)
                position = 0
            text.fill(max(HEAD_CHARACTERS, 2 * len(text.buffer)))
            continue
        found = read(item)
        if found is not None:
            is_known = True
            yield found
        elif not is_known:
            return False
        position = end
        if position > HEAD_CHARACTERS // 2:
            text.take(position)
            position = 0


def _pretty_documents(text: _Pieces) -> Iterator[str]:
    """Read JSON objects that are spread over lines; takes nothing off where the first one is not."""
    first_line = text.buffer.lstrip().split("\n", 1)[0]
    try:
        DECODER.raw_decode(first_line)
    except (ValueError, RecursionError):
        pass
    else:
        return  # JSON Lines: the lines as they are
    while text.buffer.lstrip()[:1] == "{":
        begin = len(text.buffer) - len(text.buffer.lstrip())
        try:
            value, end = DECODER.raw_decode(text.buffer, begin)
        except (ValueError, RecursionError):
            if text.ended or len(text.buffer) > LONGEST_CHARACTERS:
                return
            text.fill(2 * len(text.buffer))
            continue
        text.take(end)
        if isinstance(value.get("results"), list):
            yield from _in_time_order([row for item in value["results"] if (row := _insights_row(item)) is not None])
            continue
        lists = [value[name] for name in ("events", "logEvents") if isinstance(value.get(name), list)]
        for item in lists[0] if lists else (value,):
            message = _event_message(item) if lists else _list_item_message(item)
            if message is not None:
                yield message
        text.fill(HEAD_CHARACTERS)


def _list_item_message(item: Any) -> str | None:
    """The message of an item of a plain list: a text, an event, or a record as telemetry subscribers get it."""
    if isinstance(item, str):
        return item.rstrip("\n")
    if isinstance(item, dict) and isinstance(item.get("record"), dict):
        return json.dumps(item, ensure_ascii=False)
    return _event_message(item)


def _insights_row(item: Any) -> tuple[str, str] | None:
    """Time and message of a row of Logs Insights: cells as the API gives them, or an object as the console does."""
    if isinstance(item, list):
        item = {cell.get("field"): cell.get("value") for cell in item if isinstance(cell, dict)}
    message = item.get("@message") if isinstance(item, dict) else None
    if isinstance(message, dict):  # the console shows JSON messages as what they are
        message = json.dumps(message, ensure_ascii=False)
    return (str(item.get("@timestamp") or ""), message.rstrip("\n")) if isinstance(message, str) else None


def _in_time_order(rows: list[tuple[str, str]]) -> Iterator[str]:
    """Logs Insights gives the latest first unless the query says otherwise; a query has 100,000 rows at most."""
    if rows and rows[0][0] > rows[-1][0]:
        rows.reverse()
    return (message for _, message in rows)


def _collected(items: Generator[Item, None, Outcome]) -> tuple[list[Item], Outcome]:
    """Everything that a generator yields, and what it returns."""
    found: list[Item] = []
    while True:
        try:
            found.append(next(items))
        except StopIteration as end:
            return found, end.value


def _event_message(item: Any) -> str | None:
    """Read an event of CloudWatch Logs; a function's own JSON line has a text for its timestamp."""
    if not isinstance(item, dict) or not isinstance(item.get("message"), str):
        return None
    timestamp = item.get("timestamp")
    if isinstance(timestamp, bool) or not isinstance(timestamp, int | float):
        return None
    return str(item["message"]).rstrip("\n")


# --- CSV ------------------------------------------------------------------------------------------------------------


def _csv_messages(text: _Pieces) -> Iterator[str]:
    """Read the console's table; a row that is not whole is left out."""

    def lines() -> Iterator[str]:
        for block in text.line_blocks():
            for line in block:
                yield line + "\n"

    reader = csv.reader(lines())
    header: list[str] | None = None
    insights: list[tuple[str, str]] = []
    while True:
        try:
            row = next(reader)
        except StopIteration:
            break
        except csv.Error:
            continue
        if header is None:
            header = row
        else:
            fields = dict(zip(header, row, strict=False))
            if "@message" in fields:
                insights.append((fields.get("@timestamp", ""), fields["@message"].rstrip("\n")))
            elif "message" in fields:
                yield fields["message"].rstrip("\n")
    yield from _in_time_order(insights)
