"""``lambda-tuner open``."""

from __future__ import annotations

from typing import Annotated

from tuner.cli.flags import OUTPUT, ReadAccountFlags, RunIdArgument, command, flag


@command(
    "open",
    epilog="Example: lambda-tuner open latest\n\nExample: lambda-tuner open 20261103 --region eu-central-1 --print-path"
    "\n\nWithout a flag of an AWS account it opens the runs made on this machine.",
)
def open_run(
    run_id: RunIdArgument,
    where: ReadAccountFlags,
    print_path: Annotated[bool, flag("--print-path", "Print the file's path and open nothing.", OUTPUT)] = False,
) -> int:
    """Fetch a run's report and open it in the browser."""
    from tuner.cli.open_report import open_report
    from tuner.cli.tune_function import artifacts_of

    artifacts, place = artifacts_of(where)
    return open_report(artifacts, run_id, place, print_path=print_path)
