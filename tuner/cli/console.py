"""Where the command writes: results to standard output, everything else to standard error."""

from __future__ import annotations

from rich.console import Console


def result_console() -> Console:
    """The console of standard output."""
    return Console(highlight=False)


def error_console() -> Console:
    """The console of standard error: progress, questions and errors."""
    return Console(stderr=True, highlight=False)
