"""``lambda-tuner report``: an earlier run's report, or an address that opens it for everybody who has it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

from tuner.cli.console import error_console, result_console
from tuner.cli.failures import EXIT_CODES_HELP, EXIT_OK, UsageProblem, exit_code_of_run, print_json
from tuner.cli.flags import OUTPUT, AccountFlags, JsonFlag, OutFlag, ReadAccountFlags, RunIdArgument, command, flag
from tuner.cli.reading import decoded_report, find_run, read_document
from tuner.core.errors import RunNotFound
from tuner.core.run.bucket_layout import REPORT_FILES, run_key

if TYPE_CHECKING:
    from tuner.cli.account import Account

_MOST_HOURS = 168.0
"""S3 takes no longer one ("Download and upload objects with presigned URLs", Amazon S3 User Guide; seen 2026-11-28)."""


@command(
    "report",
    epilog="Example: lambda-tuner report latest --out out/latest\n\n"
    "Without --region, --profile, --stack or --state-machine, it reads the runs made on this machine.\n\n"
    + EXIT_CODES_HELP,
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
    from tuner.cli.tune_function import artifacts_of

    if link_hours is not None:
        from tuner.cli.account import deployed_account

        check_link(where, run_id, link_hours)
        return show_link(deployed_account(where), run_id, hours=link_hours, json_output=json_output)
    artifacts, place = artifacts_of(where)
    prepare_out(out)
    run_id = find_run(artifacts, run_id, place)
    document = read_document(artifacts, run_id)
    files = {kind: artifacts.uri(run_key(run_id, name)) for kind, name in REPORT_FILES.items()}
    if out is not None:
        files = {}
        for kind, name in REPORT_FILES.items():
            body = artifacts.read(run_key(run_id, name))
            if body is not None:
                (out / name).write_bytes(body)
                files[kind] = str(out / name)
    if json_output:
        print_json(document)
    report = decoded_report(document, run_id)
    if not json_output:
        from tuner.report.terminal import render_terminal

        if "console" in report.report:
            files["console"] = report.report["console"]
        render_terminal(replace(report, report=files), result_console())
    return exit_code_of_run(report)


def check_link(where: AccountFlags, run_id: str, hours: float) -> None:
    """Refuse a link that no run can have.

    Raises:
        UsageProblem: The run is one of this machine, or no link can hold for so long.
    """
    if not 0 < hours <= _MOST_HOURS:
        raise UsageProblem(f"--link {hours:g}: a link works for up to {_MOST_HOURS:g} hours (seven days).")
    if not where.named:
        raise UsageProblem(
            "--link is for a run in an account: name it with --region, --profile or --stack.",
            hint=f"`lambda-tuner open {run_id}` opens a report of this machine; report.html may be sent as it is.",
        )


def show_link(account: Account, wanted: str, *, hours: float, json_output: bool) -> int:
    """Print a link to a run's ``report.html``, and who can use it for how long.

    Raises:
        RunNotFound: There is no such run, or it left no page.
    """
    from tuner.aws.artifacts import Artifacts

    # Without both options a link has the global host, which Regions that are new or opted into redirect, and in the
    # oldest Regions a signature of version 2, which does not open what a KMS key encrypts.
    s3 = account.client("s3", signature_version="s3v4", s3={"addressing_style": "virtual"})
    artifacts = Artifacts(s3, account.bucket)
    run_id = find_run(artifacts, wanted, account.name)
    key = run_key(run_id, REPORT_FILES["html"])
    if not artifacts.exists(key):
        raise RunNotFound(f"The run {run_id} in {account.name} left no {REPORT_FILES['html']}.")
    link = artifacts.presigned_url(key, holds_s=round(hours * 3600))
    if json_output:
        print_json({"runId": run_id, "link": link, "holdsHours": hours})
    else:
        result_console().print(link, soft_wrap=True)
    error_console().print(
        f"Whoever has this link can read the report, without an account. It holds for {hours:g} "
        f"hour{'' if hours == 1 else 's'}, or until the credentials that signed it expire, if that is sooner."
    )
    return EXIT_OK
