"""``lambda-tuner list``."""

from __future__ import annotations

from typing import Annotated

from tuner.cli.flags import JsonFlag, ReadAccountFlags, command, flag


@command(
    "list",
    epilog="Example: lambda-tuner list\n\nExample: lambda-tuner list --region eu-central-1 --json\n\n"
    "Without a flag of an AWS account it lists the runs made on this machine.",
)
def list_runs(
    where: ReadAccountFlags,
    limit: Annotated[int, flag("--limit 20", "Maximum number of runs to show.", min=1)] = 20,
    json_output: JsonFlag = False,
) -> int:
    """List the latest runs, newest first."""
    from tuner.cli import reading
    from tuner.cli.tune_function import artifacts_of

    artifacts, place = artifacts_of(where)
    return reading.list_runs(artifacts, place, limit=limit, json_output=json_output)
