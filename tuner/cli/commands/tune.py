"""``lambda-tuner tune``."""

from __future__ import annotations

from typing import Annotated, Any

from tuner.cli import flags
from tuner.cli.failures import EXIT_CODES_HELP
from tuner.cli.flags import command
from tuner.cli.options import request_flags


@command(
    "tune",
    epilog="Example: lambda-tuner tune thumbnails --goal p95=300ms --payload event.json\n\n"
    "Example: lambda-tuner tune thumbnails:live --sizes 128-3008:64 --max-cost 0.20 --region eu-central-1 --yes --json"
    "\n\n" + EXIT_CODES_HELP,
)
def tune(
    function: flags.FunctionArgument,
    asked: Annotated[dict[str, Any], request_flags("tune")],
    files: flags.ConfigFlags,
    where: flags.AccountFlags,
    run: flags.RunFlags,
    memory: flags.NoMemoryFlag = None,  # noqa: ARG001 - its callback refuses it
) -> int:
    """Tune a deployed function: find the cheapest memory size that meets the goal."""
    from tuner.cli.settings import read_settings
    from tuner.cli.tune_function import run_tune, subject_of

    settings = read_settings(subject_of(function), files, quiet=run.quiet)
    return run_tune(function, settings.under(asked), where, run.presentation(), yes=run.yes)
