"""GitHub Actions: a check as annotations and in the job's summary, and no command from a user's text.

The runner reads commands from what a step prints: a line that begins with two colons, and the older form ``##[``
anywhere in a line (``ActionCommand.cs`` of actions/runner, seen 2026-11-28).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any, Literal

from tuner.core.foreign_text import visible

Level = Literal["warning", "error"]

_COMMANDS = re.compile(r"((?<![^\r\n])[^\S\r\n]*:|##)(?=[:\[])")
_WORD_JOINER = "\N{WORD JOINER}"
_ESCAPED = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_ESCAPED_IN_PROPERTIES = {**_ESCAPED, **str.maketrans({":": "%3A", ",": "%2C"})}


def is_github(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this is a step of GitHub Actions."""
    return environment.get("GITHUB_ACTIONS") == "true"


def annotation(level: Level, title: str, message: str) -> str:
    r"""A workflow command that annotates the job; no text can end it and begin another.

    Example:
        >>> annotation("error", "a: b", "100%\n::set-env::")
        '::error title=a%3A b::100%25%0A::set-env::'
    """
    return f"::{level} title={visible(title).translate(_ESCAPED_IN_PROPERTIES)}::{visible(message).translate(_ESCAPED)}"


def without_commands(text: str) -> str:
    r"""Text that reads the same and in which the runner finds no command.

    Example:
        >>> ascii(without_commands("a::b\n ::error::c"))
        "'a::b\\n :\\u2060:error::c'"
    """
    return _COMMANDS.sub(rf"\1{_WORD_JOINER}", text)


class Commandless:
    """A stream in whose text the runner finds no command."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write text as whole lines come: rich prints no line in two parts."""
        return self._stream.write(without_commands(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def annotate(annotations: Iterable[tuple[Level, str]], *, title: str, stream: IO[str]) -> None:
    """Write annotations to a stream that the runner reads: standard output or error."""
    for level, message in annotations:
        stream.write(annotation(level, title, message) + "\n")
    stream.flush()


def append_summary(text: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """Append Markdown to the job's summary, if the step has one.

    Returns:
        Why it could not be written; ``None`` if it was, or if there is none.
    """
    place = environment.get("GITHUB_STEP_SUMMARY")
    if not place:
        return None
    try:
        with Path(place).open("a", encoding="utf-8") as summary:
            summary.write(f"{text.rstrip()}\n\n")
    except OSError as error:
        return f"The job's summary {place} could not be written: {error.strerror}."
    return None
