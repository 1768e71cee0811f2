"""Where the command writes: results to standard output, everything else to standard error."""

from __future__ import annotations

from rich.console import Console


def result_console(*, least_width: int = 0) -> Console:
    """The console of standard output; a table that must not be cut asks for a width, and the terminal wraps."""
    console = Console(highlight=False)
    console.width = max(console.width, least_width)
    return console


def error_console(*, quiet: bool = False) -> Console:
    """The console of standard error: progress, questions and errors; *quiet* for one that shows nothing."""
    return Console(stderr=True, highlight=False, quiet=quiet)
