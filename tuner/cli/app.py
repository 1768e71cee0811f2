"""The command ``lambda-tuner``: its subcommands, which are a module each in ``tuner.cli.commands``."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from tuner.cli.commands import (
    check,
    demo,
    doctor,
    list_runs,
    local,
    logs,
    open_run,
    patch,
    report,
    try_handler,
    tune,
    uninstall,
)
from tuner.cli.failures import EXIT_CODES_HELP, EXIT_OK, debug_requested
from tuner.cli.flags import add_command


class DebugAnywhere(TyperGroup):
    """Takes ``--debug`` wherever it stands: whoever meets an error adds it at the end of the line."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Note it and take it out, up to a ``--`` that ends the flags."""
        end = args.index("--") if "--" in args else len(args)
        if "--debug" in args[:end]:
            args = ["--debug", *(word for word in args[:end] if word != "--debug"), *args[end:]]
        return super().parse_args(ctx, args)


def _show_version(asked: bool) -> None:
    if asked:
        from tuner import __version__

        typer.echo(f"lambda-tuner {__version__}")
        raise typer.Exit(EXIT_OK)


def main(
    version: Annotated[  # noqa: ARG001 - its callback ends the command
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, metavar="", help="Show the version and exit."),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", metavar="", help="Show the traceback of an error. Works anywhere on the line.")
    ] = False,
) -> None:
    """Take the flags of every subcommand."""
    debug_requested.set(debug)


app = typer.Typer(
    name="lambda-tuner",
    cls=DebugAnywhere,
    callback=main,
    help="Finds the cheapest memory size of an AWS Lambda function that meets a latency goal, and says how sure it is.",
    epilog=f"Start here: lambda-tuner demo\n\n{EXIT_CODES_HELP}",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
local_app = typer.Typer(
    help="An AWS of its own on this machine, kept running: for the AWS CLI, boto3 and --local.",
    epilog=local.EPILOG,
    no_args_is_help=True,
    rich_markup_mode="rich",
)
app.add_typer(local_app, name="local")

add_command(app, "demo", demo.demo, epilog=demo.EPILOG)
add_command(app, "tune", tune.tune, epilog=tune.EPILOG)
add_command(app, "check", check.check, epilog=check.EPILOG)
add_command(app, "try", try_handler.try_handler, epilog=try_handler.EPILOG)
add_command(app, "report", report.report, epilog=report.EPILOG)
add_command(app, "open", open_run.open_run, epilog=open_run.EPILOG)
add_command(app, "list", list_runs.list_runs, epilog=list_runs.EPILOG)
add_command(app, "patch", patch.patch, epilog=patch.EPILOG)
add_command(app, "logs", logs.logs, epilog=logs.EPILOG)
add_command(app, "doctor", doctor.doctor, epilog=doctor.EPILOG)
add_command(app, "uninstall", uninstall.uninstall, epilog=uninstall.EPILOG)
add_command(local_app, "start", local.start, epilog=local.EPILOG_OF_START)
add_command(local_app, "status", local.status, epilog=local.EPILOG_OF_STATUS)
add_command(local_app, "stop", local.stop, epilog=local.EPILOG_OF_STOP)
