"""What tools write before each line of a log: times, streams, groups, names, in any order."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

PLATFORM_LINE = re.compile(
    r'(?:REPORT|START|END)[ \t]+RequestId:|(?:INIT_START|INIT_REPORT|RESTORE_REPORT) |\{\s*"time"'
)
"""How a line begins that Lambda itself has written."""

_TIME = (
    r"(?:(?:[0-9]{4}[-/][0-9]{2}[-/][0-9]{2}[T ])?[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]+)?"
    r"(?: [AP]M)?(?:Z|[ ]?[+-][0-9]{2}:?[0-9]{2}|[ ]UTC)?)"
)
_STREAM = r"(?:(?![\"{])[^\s]*[0-9]{4}/[0-9]{2}/[0-9]{2}/[^\s]*\[[^\]\s]+\][^\s]*)"
_GROUP = r"/[^\s\"]+"
_BY_ITSELF = (rf"(?P<time>{_TIME})", rf"\[(?P<time>{_TIME})\]", _STREAM, _GROUP)
"""Tokens that no function's own line begins with by chance."""
_BEFORE_A_RECORD = (
    r"\[[^\]\n]{1,200}\]",  # the function's name (cdk watch), the time in milliseconds (zappa)
    r"\([^)\n]{1,200}\)",  # the stream (saw)
    r"[0-9a-f]{6,40}",  # a short stream id (chalice), milliseconds
    r"[\w.-]{1,100}[ \t]*\|",  # the container's name (docker compose)
    r"-",  # between the others (cw)
)
_ENDS = r"(?=[\s\[(|])[ \t]*"
_MOST_TOKENS = 8
_TEXT_OUTPUT = re.compile(r"EVENTS\t(?:[0-9]+\t){1,2}(?:[^\s]*\[[^\]\s]+\][^\s]*\t)?")
"""Of ``--output text``."""

Prefix = re.Pattern[str]


def prefix_of(lines: Sequence[str]) -> Prefix | None:
    """Recognize the prefix that the lines of a log have, if any.

    The first platform line behind a prefix shows it, unless more platform
    lines stand there without one: then it is the function's own output. In a
    log that shows no platform line, the first line does.

    Returns:
        A pattern that matches the prefix; its group ``time``, if it has one,
        is when the line was logged.
    """
    raw = 0
    shapes: dict[str, Prefix] = {}
    for line in lines:
        if PLATFORM_LINE.match(line):
            raw += 1
        elif not any(_is_behind(shape, line) for shape in shapes.values()) and (shape := _shape(line)) is not None:
            shapes[shape.pattern] = shape
    for shape in shapes.values():
        if sum(_is_behind(shape, line) for line in lines) >= raw:
            return shape
    first = next((line for line in lines if line.strip()), "")
    return None if raw or shapes else _shape_without_record(first)


def _is_behind(prefix: Prefix, line: str) -> bool:
    found = prefix.match(line)
    return found is not None and PLATFORM_LINE.match(line, found.end()) is not None


def time_in(prefix: re.Match[str]) -> str | None:
    """The time in a prefix, which sorts by time within one log; ``None`` without a date."""
    time: str | None = prefix["time"] if "time" in prefix.re.groupindex else None
    return time if time is not None and time[:4].isdigit() else None


def are_tabbed(lines: Sequence[str]) -> bool:
    """Whether tabs separate the messages, as ``--query 'events[].message' --output text`` writes them."""
    tabbed = sum(line[:1] == "\t" and PLATFORM_LINE.match(line, 1) is not None for line in lines)
    return tabbed > 1 and tabbed > sum(PLATFORM_LINE.match(line) is not None for line in lines)


def _shape(line: str) -> Prefix | None:
    """The tokens between a line's beginning and its platform words; ``None`` if anything else stands there."""
    if "RequestId:" not in line and "INIT_" not in line and "RESTORE_" not in line and '"time"' not in line:
        return None
    if (found := _TEXT_OUTPUT.match(line)) is not None:
        return _TEXT_OUTPUT if PLATFORM_LINE.match(line, found.end()) else None
    return next(
        (_compiled(tokens) for tokens, end in _tokens(line, _ALL) if PLATFORM_LINE.match(line, end) is not None), None
    )


def _shape_without_record(line: str) -> Prefix | None:
    if _TEXT_OUTPUT.match(line) is not None:
        return _TEXT_OUTPUT
    longest = [tokens for tokens, _ in _tokens(line, _COMPILED[: len(_BY_ITSELF)])]
    return _compiled(longest[-1]) if longest else None


def _tokens(line: str, known: Sequence[tuple[str, re.Pattern[str]]]) -> Iterator[tuple[tuple[str, ...], int]]:
    """The tokens at the beginning of a line and where they end, longer and longer."""
    tokens: tuple[str, ...] = ()
    position = len(line) - len(line.lstrip(" "))
    while len(tokens) < _MOST_TOKENS:
        found = next(((token, match) for token, regex in known if (match := regex.match(line, position))), None)
        if found is None:
            return
        tokens, position = (*tokens, found[0]), found[1].end()
        yield tokens, position


def _compiled(tokens: Sequence[str]) -> Prefix:
    has_time = False
    parts = []
    for token in tokens:
        is_time = "(?P<time>" in token
        parts.append(token.replace("(?P<time>", "(?:") if has_time and is_time else token)
        has_time = has_time or is_time
    return re.compile(" *" + "".join(part + _ENDS for part in parts))


_COMPILED = [(token, re.compile(token + _ENDS)) for token in (*_BY_ITSELF, *_BEFORE_A_RECORD)]
_ALL = _COMPILED
