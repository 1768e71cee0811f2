"""``lambda-tuner logs``."""

from __future__ import annotations

from typing import Annotated

import typer

from tuner.cli.flags import OUTPUT, command, flag


@command(
    "logs",
    epilog="Example: aws logs tail /aws/lambda/thumbnails --since 1d | lambda-tuner logs - --summary\n\n"
    "Exit codes: 0 records were found · 2 the file cannot be read · 4 there is no record in it.",
)
def logs(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="A log of Lambda; - is standard input.")],
    summary: Annotated[bool, flag("--summary", "Print a table by memory size instead of JSON lines.", OUTPUT)] = False,
) -> int:
    """Read the REPORT records of a log: one JSON object a line, or a summary by memory size."""
    from tuner.cli.logs import run_logs

    return run_logs(file, summary=summary)
