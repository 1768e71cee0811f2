"""Where the command writes: results to standard output, everything else to standard error."""

from __future__ import annotations

import sys
from typing import IO, cast

from rich.console import Console

from tuner.cli.failures import NotConfirmed
from tuner.cli.github import Commandless, is_github


def result_console(*, least_width: int = 0) -> Console:
    """The console of standard output; a table that must not be cut asks for a width, and the terminal wraps."""
    console = Console(highlight=False, markup=False, file=_safe(sys.stdout))
    console.width = max(console.width, least_width)
    return console


def error_console(*, quiet: bool = False) -> Console:
    """The console of standard error: text as it is, which the terminal wraps; *quiet* for one that shows nothing."""
    return Console(stderr=True, highlight=False, markup=False, soft_wrap=True, quiet=quiet, file=_safe(sys.stderr))


def _safe(stream: IO[str]) -> IO[str] | None:
    """The stream without commands for a runner that would follow them; ``None``: as it is."""
    return cast("IO[str]", Commandless(stream)) if is_github() else None


def is_interactive() -> bool:
    """Whether there is somebody to ask."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def confirm(sentence: str, question: str, *, if_not: str = "Nothing was started.", or_else: str = "") -> None:
    """Say what would happen (nothing, if it has been said), and ask.

    *if_not* is what is so if the user does not agree; *or_else* follows "agree with --yes" if there is no terminal.

    Raises:
        NotConfirmed: The user said no, or there is no terminal to ask on.
    """
    if not is_interactive():
        raise NotConfirmed(sentence or if_not, hint=f"There is no terminal to confirm on: pass --yes{or_else}.")
    import typer

    if sentence:
        error_console().print(sentence, soft_wrap=False)
    if not typer.confirm(question, err=True):
        raise NotConfirmed(if_not)
