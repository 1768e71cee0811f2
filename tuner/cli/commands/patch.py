"""``lambda-tuner patch``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from tuner.cli.flags import JsonFlag, ReadAccountFlags, RunIdArgument, command, flag


@command(
    "patch",
    epilog="Example: lambda-tuner patch latest --file template.yaml\n\n"
    "Example: lambda-tuner patch 20261103 --file template.json --function Thumbnails --dry-run\n\n"
    "Exit codes: 0 changed, or it says so already · 2 not changed: not sure what, or no such run or file · "
    "3, 4, 5 not changed: the run's verdict.",
)
def patch(
    run_id: RunIdArgument,
    where: ReadAccountFlags,
    file: Annotated[Path, flag("--file FILE", "The SAM or CloudFormation template, YAML or JSON.")],
    function: Annotated[
        str | None,
        flag("--function ID", "The function's logical id, name or handler. Default: found by the run's function."),
    ] = None,
    force: Annotated[
        bool, flag("--force", "Write even if the goal is not met, others share the value, or a reference is replaced.")
    ] = False,
    dry_run: Annotated[bool, flag("--dry-run", "Show the change, write nothing.")] = False,
    json_output: JsonFlag = False,
) -> int:
    """Write a run's recommendation into a SAM or CloudFormation template; everything else stays, byte for byte."""
    from tuner.cli.patch import run_patch
    from tuner.cli.tune_function import artifacts_of

    artifacts, place = artifacts_of(where)
    return run_patch(
        artifacts, run_id, place, file, function=function, force=force, dry_run=dry_run, json_output=json_output
    )
