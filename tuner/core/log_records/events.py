"""Logs as users have them at hand: takes off what the tool that wrote them down has put around each message.

Text comes in pieces and is never held as a whole, however large the log is,
unless it runs backwards (see ``order``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import chain
from typing import Any

from tuner.core.log_records.json_record import DECODER
from tuner.core.log_records.order import Event, in_time_order
from tuner.core.log_records.packed import packed_texts, text_in_base64
from tuner.core.log_records.pieces import HEAD_CHARACTERS, LONGEST_CHARACTERS, Pieces
from tuner.core.log_records.prefixes import Prefix, margin_of, prefix_of, time_in
from tuner.core.log_records.tables import insights_event, table_events

_ANSI = re.compile(r"\x1b\[[0-9;]*m")

_PLAIN_MEMBER = r'"[A-Za-z]+"\s*:\s*(?:"[^"\\]*"|[0-9.]+|null|true|false|\[[^\[\]{}]*\])\s*,\s*'
_EVENTS_BEGIN = re.compile(rf'\s*\[?\s*\{{\s*(?:{_PLAIN_MEMBER}){{0,20}}"([Ee]vents|logEvents|results)"\s*:\s*\[')
_LATER_EVENTS = re.compile(r'(?<!\\)"([Ee]vents|logEvents|results)"\s*:\s*\[')
_LIST_BEGINS = re.compile(r"\s*\[(?=\s*[\[{\"\]])")
_ROWS_BEGIN = re.compile(r'\s*\[\s*\{[^{}]{0,400}?"@[A-Za-z]+"\s*:')
_BETWEEN = re.compile(r"[\s,]*")
_PACKED = re.compile(r'"(?:LogResult|data)"\s*:')


def iter_messages(pieces: Iterable[str]) -> Iterator[str]:
    """Take a log apart into its messages, in the order of time, whatever wrote it down.

    Knows raw lines; the prefixes of ``aws logs tail`` (in each of its
    formats), ``sam logs``, ``awslogs``, ``saw``, ``cdk watch``, ``chalice
    logs``, exports and the console; the JSON of ``aws logs
    filter-log-events``, ``get-log-events`` (whole, only their messages, or as
    JSON Lines), Logs Insights and subscriptions, also pretty and one document
    after the other; an Invoke answer's ``LogResult``; and tables, as CSV or
    Markdown. Anything else is taken as raw lines. A message may have several
    lines. The pieces may be cut anywhere.

    Example:
        >>> list(iter_messages(["2026-11-23T10:00:00 REPORT Req", "uestId: a"]))
        ['REPORT RequestId: a']
    """
    # A browser or a chat that a log was copied from may have made no-break spaces of its spaces.
    plain = (piece.replace("\xa0", " ") for piece in pieces)
    return in_time_order(_events(Pieces(plain), is_inner=False))


def _events(text: Pieces, *, is_inner: bool) -> Iterator[Event]:
    """Read the events of a text; a document inside another (``is_inner``) is not looked into for more."""
    text.fill(HEAD_CHARACTERS)
    table = table_events(text)
    if table is not None:
        yield from table
        return
    if text.ended and not is_inner and (inner := text_in_base64(text.buffer)) is not None:
        yield from _events(Pieces([inner]), is_inner=True)
        return
    while text.buffer.strip() or text.fill(len(text.buffer) + 1):
        before = text.taken
        if _EVENTS_BEGIN.match(text.buffer) or _LIST_BEGINS.match(text.buffer):
            yield from _json_documents(text)
        elif text.buffer.lstrip()[:1] == "{":
            yield from _pretty_documents(text, is_inner=is_inner)
        if text.taken == before:
            yield from _line_events(text, is_inner=is_inner)
            return
        text.fill(HEAD_CHARACTERS)


# --- Lines ----------------------------------------------------------------------------------------------------------


def _line_events(text: Pieces, *, is_inner: bool) -> Iterator[Event]:
    head = text.buffer.split("\n")
    if "\x1b[" in text.buffer:
        head = [_ANSI.sub("", line) for line in head]
    prefix = prefix_of(head)
    if prefix is not None:
        yield from _prefixed_events(text, prefix)
        return
    margin = margin_of(head)
    for lines in text.line_blocks():
        for whole in lines:
            line = _ANSI.sub("", whole) if "\x1b[" in whole else whole
            if margin and line.startswith(margin):
                line = _json_text(line) if margin[-1] == '"' else line[len(margin) :]
            yield from _json_line_events(line, is_inner=is_inner) or (Event(None, line),)


def _prefixed_events(text: Pieces, prefix: Prefix) -> Iterator[Event]:
    current: list[str] = []
    time: str | None = None
    size = 0
    for lines in text.line_blocks():
        for whole in lines:
            line = _ANSI.sub("", whole) if "\x1b[" in whole else whole
            match = prefix.match(line)
            if (match is not None or size > LONGEST_CHARACTERS) and current:
                yield Event(time, _one_line("\n".join(current)))
                current, size = [], 0
            if match is not None:
                time = time_in(match)
            current.append(line[match.end() :] if match is not None else line)
            size += len(line)
    if current:
        yield Event(time, _one_line("\n".join(current)))


def _json_text(line: str) -> str:
    try:
        text = DECODER.decode(line.strip().rstrip(","))
    except ValueError:
        return line
    return text.rstrip("\n") if isinstance(text, str) else line


def _one_line(message: str) -> str:
    """Undo the pretty printing of ``aws logs tail --format json``."""
    if "\n" in message and message.lstrip()[:1] == "{":
        try:
            return json.dumps(DECODER.decode(message), ensure_ascii=False)
        except (ValueError, RecursionError):
            pass
    return message.rstrip("\n")


def _json_line_events(line: str, *, is_inner: bool) -> Iterable[Event]:
    """The events in a line of JSON Lines; nothing if it is a line of the log itself."""
    if line[:1] != "{" or not ('"message"' in line or (not is_inner and _PACKED.search(line))):
        return ()
    try:
        document = DECODER.decode(line)
    except (ValueError, RecursionError):
        return ()
    event = _event(document)
    return [event] if event is not None else () if is_inner else list(_packed_events(document))


# --- JSON -----------------------------------------------------------------------------------------------------------


def _json_documents(text: Pieces) -> Iterator[Event]:
    """Read lists of events, item by item; takes nothing off where there is no such item."""
    begins = _EVENTS_BEGIN.match(text.buffer)
    if begins is None and (begins := _LIST_BEGINS.match(text.buffer)) is not None:
        read = _insights_row if _ROWS_BEGIN.match(text.buffer) else _list_item
        yield from _items(text, begins.end(), read)
        return
    while begins is not None:
        ended = yield from _items(text, begins.end(), _insights_row if begins[1] == "results" else _event)
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


def _items(text: Pieces, position: int, read: Callable[[Any], Event | None]) -> Generator[Event, None, bool]:
    """Read the items of one list; returns whether its end was reached.

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


def _pretty_documents(text: Pieces, *, is_inner: bool) -> Iterator[Event]:
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
        yield from _document_events(value)
        if not is_inner:
            yield from _packed_events(value)
        text.fill(HEAD_CHARACTERS)


def _document_events(document: Any) -> Iterator[Event]:
    for name, read in (("results", _insights_row), ("events", _event), ("Events", _event), ("logEvents", _event)):
        if isinstance(document.get(name), list):
            return (event for item in document[name] if (event := read(item)) is not None)
    return (event for event in (_list_item(document),) if event is not None)


def _packed_events(document: Any) -> Iterator[Event]:
    return chain.from_iterable(_events(Pieces([inner]), is_inner=True) for inner in packed_texts(document))


def _list_item(item: Any) -> Event | None:
    """An item of a plain list: a text, an event, or a record as telemetry subscribers get it."""
    if isinstance(item, str):
        return Event(None, item.rstrip("\n"))
    if isinstance(item, dict) and isinstance(item.get("record"), dict):
        return Event(None, json.dumps(item, ensure_ascii=False))
    return _event(item)


def _insights_row(item: Any) -> Event | None:
    """A row of Logs Insights: cells as the API gives them, or an object as the console does."""
    if isinstance(item, list):
        item = {cell.get("field"): cell.get("value") for cell in item if isinstance(cell, dict)}
    return insights_event(item) if isinstance(item, dict) else None


def _event(item: Any) -> Event | None:
    """Read an event of CloudWatch Logs; a function's own JSON line has a text for its timestamp.

    The SDKs of Go and .NET write their keys with a capital.
    """
    if not isinstance(item, dict):
        return None
    message = item.get("message", item.get("Message"))
    timestamp = item.get("timestamp", item.get("Timestamp"))
    if not isinstance(message, str) or isinstance(timestamp, bool) or not isinstance(timestamp, int | float):
        return None
    return Event(timestamp, message.rstrip("\n"))
