"""``lambda-tuner check``."""

from __future__ import annotations

from typing import Annotated, Any

from tuner.cli import flags
from tuner.cli.failures import CHECK_CODES_HELP, EXIT_CODES_HELP
from tuner.cli.flags import GOAL, command, flag
from tuner.cli.options import request_flags


@command(
    "check",
    epilog="Example: lambda-tuner check thumbnails --goal p95=300ms --max-cost-per-million 5 --yes --out report\n\n"
    f"{EXIT_CODES_HELP}\n\n{CHECK_CODES_HELP}",
)
def check(
    function: flags.FunctionArgument,
    asked: Annotated[dict[str, Any], request_flags("check")],
    files: flags.ConfigFlags,
    where: flags.AccountFlags,
    max_cost_per_million: Annotated[
        float | None,
        flag("--max-cost-per-million 5", "Maximum cost of a million invocations at today's size, in US dollars.", GOAL),
    ] = None,
    memory: flags.NoMemoryFlag = None,  # noqa: ARG001 - its callback refuses it
    *,
    run: flags.RunFlags,
) -> int:
    """Tune a deployed function; the exit code says whether today's size is still the right one."""
    from tuner.cli.check import judge_with
    from tuner.cli.settings import read_settings
    from tuner.cli.tune_function import run_tune, subject_of

    settings = read_settings(subject_of(function), files, quiet=run.quiet)
    limit_usd = settings.max_cost_per_million_usd if max_cost_per_million is None else max_cost_per_million
    shown = run.presentation(judge=judge_with(limit_usd))
    return run_tune(function, settings.under(asked), where, shown, yes=run.yes)
