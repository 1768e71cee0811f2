"""Where the command writes: results to standard output, everything else to standard error."""

from __future__ import annotations

import sys
from typing import IO, cast

from rich.console import Console

from tuner.cli.github import Commandless, is_github


def result_console(*, least_width: int = 0) -> Console:
    """The console of standard output; a table that must not be cut asks for a width, and the terminal wraps."""
    console = Console(highlight=False, file=_safe(sys.stdout))
    console.width = max(console.width, least_width)
    return console


def error_console(*, quiet: bool = False) -> Console:
    """The console of standard error: progress, questions and errors; *quiet* for one that shows nothing."""
    return Console(stderr=True, highlight=False, quiet=quiet, file=_safe(sys.stderr))


def _safe(stream: IO[str]) -> IO[str] | None:
    """The stream without commands for a runner that would follow them; ``None``: as it is."""
    return cast("IO[str]", Commandless(stream)) if is_github() else None
