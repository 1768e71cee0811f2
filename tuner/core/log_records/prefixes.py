"""What tools write before each line of a log: times, streams, groups, names, in any order."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

PLATFORM_LINE = re.compile(
    r'(?:REPORT|START|END)[ \t]+RequestId:|(?:INIT_START|INIT_REPORT|RESTORE_REPORT) |\{\s*"time"'
)
"""How a line begins that Lambda itself has written."""

_ZONE = r"(?:UTC|GMT|WES?T|CES?T|EES?T|BST|IST|JST|KST|AE[SD]T|[ECMP][SD]T)(?:[+-][0-9]{1,2})?"
_TIME = (
    r"(?:(?:[0-9]{4}[-/][0-9]{2}[-/][0-9]{2}[T ]|[A-Z][a-z]{2} [ 0-9][0-9] )?"
    r"[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]+)?"
    rf"(?: [AP]M)?(?:Z|[ ]?[+-][0-9]{{2}}:?[0-9]{{2}}|[ ]{_ZONE})?)"
)
_FILE_OR_LINE = r"(?:[^\s\"]+\.[a-z0-9]{1,5}:(?:[0-9]+:)?|[0-9]+:)"
_STREAM = r"(?:(?![\"{])[^\s]*[0-9]{4}/[0-9]{2}/[0-9]{2}/[^\s]*\[[^\]\s]+\][^\s]*)"
_GROUP = r"/[^\s\"]+"
_BY_ITSELF = (rf"(?P<time>{_TIME})", rf"\[(?P<time>{_TIME})\]", _STREAM, _GROUP)
"""Tokens that no function's own line begins with by chance."""
_BEFORE_A_RECORD = (
    r"(?P<time>[0-9]{13})",  # in milliseconds, as the API gives it
    r"[0-9]{1,10}(?:\.[0-9]+)?",  # the line's number (cat -n), seconds
    r"\[[^\]\n]{1,200}\]",  # the function's name (cdk watch), the time in milliseconds (zappa)
    r"\([^)\n]{1,200}\)",  # the stream (saw)
    r"[0-9a-f]{6,40}",  # a short stream id (chalice)
    r"[\w.-]{1,100}[ \t]*\|",  # the container's name (docker compose)
    r"-",  # between the others (cw)
)
_ENDS = r"(?:(?=[\s\[(|])|(?<=:))[ \t]*"
_MOST_TOKENS = 8
_MARGIN = re.compile(r'([ \t]*"?)')
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


def margin_of(lines: Sequence[str]) -> str:
    """What stands before most platform lines where they have no prefix; empty if it is nothing.

    A tab (``--query 'events[].message' --output text``), the blanks of a
    quoted block, or the quote of a JSON text (``jq '.events[].message'``).
    """
    margins = Counter(found[1] for line in lines if (found := _MARGIN.match(line)) and _is_behind(_MARGIN, line))
    margin, count = next(iter(margins.most_common(1)), ("", 0))
    return margin if count > 1 else ""


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
_ALL = [*_COMPILED[:2], (_FILE_OR_LINE, re.compile(_FILE_OR_LINE)), *_COMPILED[2:]]  # of grep
