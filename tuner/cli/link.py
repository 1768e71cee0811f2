"""``report --link``: an address that opens a report for everybody who has it, for as long as was asked for."""

from __future__ import annotations

from tuner.aws.artifacts import Artifacts
from tuner.cli.account import Account
from tuner.cli.console import error_console, result_console
from tuner.cli.failures import EXIT_OK, UsageProblem, print_json
from tuner.cli.flags import AccountFlags
from tuner.cli.reading import find_run
from tuner.core.errors import RunNotFound
from tuner.core.run.bucket_layout import REPORT_FILES, run_key

_MOST_HOURS = 168.0
"""S3 takes no longer one ("Download and upload objects with presigned URLs", Amazon S3 User Guide; seen 2026-11-28)."""


def check_link(where: AccountFlags, run_id: str, hours: float) -> None:
    """Refuse a link that no run can have.

    Raises:
        UsageProblem: The run is one of this machine, or no link can hold for so long.
    """
    if not 0 < hours <= _MOST_HOURS:
        raise UsageProblem(f"--link {hours:g}: a link holds for up to {_MOST_HOURS:g} hours (seven days).")
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
