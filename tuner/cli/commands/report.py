"""``lambda-tuner report``."""

from __future__ import annotations

from typing import Annotated

from tuner.cli.failures import EXIT_CODES_HELP
from tuner.cli.flags import OUTPUT, JsonFlag, OutFlag, ReadAccountFlags, RunIdArgument, command, flag


@command(
    "report",
    epilog="Example: lambda-tuner report latest --out out/latest\n\n"
    "Without a flag of an AWS account it reads the runs made on this machine.\n\n" + EXIT_CODES_HELP,
)
def report(
    run_id: RunIdArgument,
    where: ReadAccountFlags,
    link_hours: Annotated[
        float | None,
        flag(
            "--link HOURS",
            "Print a link to report.html instead. Anyone who has it can open it, for this many hours.",
            OUTPUT,
        ),
    ] = None,
    out: OutFlag = None,
    json_output: JsonFlag = False,
) -> int:
    """Show an earlier run's report again; the exit code is that of the run."""
    from tuner.cli.execute import prepare_out
    from tuner.cli.reading import show_report
    from tuner.cli.tune_function import artifacts_of

    if link_hours is not None:
        from tuner.cli.account import deployed_account
        from tuner.cli.link import check_link, show_link

        check_link(where, run_id, link_hours)
        return show_link(deployed_account(where), run_id, hours=link_hours, json_output=json_output)
    artifacts, place = artifacts_of(where)
    prepare_out(out)
    return show_report(artifacts, run_id, place, out=out, json_output=json_output)
