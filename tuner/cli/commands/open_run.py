"""``lambda-tuner open``: fetch a run's report and show it in the browser."""

from __future__ import annotations

import os
import sys
import webbrowser
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from tuner.cli.console import error_console
from tuner.cli.failures import EXIT_OK, UsageProblem
from tuner.cli.flags import OUTPUT, ReadAccountFlags, RunIdArgument, command, flag
from tuner.cli.reading import find_run
from tuner.cli.store import ArtifactReader, FolderArtifacts, store_home
from tuner.core.errors import RunNotFound
from tuner.core.run.bucket_layout import REPORT_FILES, run_key


@command(
    "open",
    epilog="Example: lambda-tuner open latest\n\nExample: lambda-tuner open 20261103 --region eu-central-1 --print-path"
    "\n\nWithout --region, --profile, --stack or --state-machine, it opens the runs made on this machine.",
)
def open_run(
    run_id: RunIdArgument,
    where: ReadAccountFlags,
    print_path: Annotated[bool, flag("--print-path", "Print the file's path and open nothing.", OUTPUT)] = False,
) -> int:
    """Fetch a run's report and open it in the browser."""
    from tuner.cli.tune_function import artifacts_of

    return open_report(*artifacts_of(where), run_id, print_path=print_path)


def open_report(artifacts: ArtifactReader, where: str, wanted: str, *, print_path: bool) -> int:
    """Open a run's ``report.html``; if nothing can be opened, its path is the answer.

    Raises:
        RunNotFound: There is no such run, or it left no page.
        UsageProblem: The page cannot be kept on this machine.
    """
    run_id = find_run(artifacts, wanted, where)
    page = _page(artifacts, run_id, where)
    console = error_console()
    if print_path or not can_open(os.environ, sys.platform) or not webbrowser.open(page.as_uri()):
        if not print_path:
            console.print("There is no browser to open it in; this is where the report is:")
        sys.stdout.write(f"{page}\n")
        return EXIT_OK
    console.print(f"Opened {page}")
    return EXIT_OK


def can_open(environment: Mapping[str, str], platform: str) -> bool:
    """Whether a browser would have a display; without one Python would start one that takes over the terminal."""
    if environment.get("BROWSER") or platform in {"darwin", "win32"}:
        return True
    return bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY") or environment.get("WSL_DISTRO_NAME"))


def _page(artifacts: ArtifactReader, run_id: str, where: str) -> Path:
    """The page as a file: the store's own, or fetched into the store from a bucket."""
    key = run_key(run_id, REPORT_FILES["html"])
    body = artifacts.read(key)
    if body is None:
        raise RunNotFound(
            f"The run {run_id} in {where} left no {REPORT_FILES['html']}.",
            hint=f"`lambda-tuner report {run_id}` shows what is known about it.",
        )
    if isinstance(artifacts, FolderArtifacts):
        return (artifacts.folder / key).resolve()
    page = store_home() / "fetched" / run_id / REPORT_FILES["html"]
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_bytes(body)
    except OSError as error:
        raise UsageProblem(
            f"The report cannot be saved in {page.parent}: {error.strerror}.",
            hint="Name another folder with LAMBDA_TUNER_HOME, or use `lambda-tuner report RUN_ID --out DIR`.",
        ) from error
    return page
