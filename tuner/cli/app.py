"""The command ``lambda-tuner``: its subcommands, which are a module each in ``tuner.cli.commands``."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from tuner.cli.failures import EXIT_CODES_HELP, EXIT_OK, debug_requested

_SUBCOMMANDS = {
    "demo": "Tune a real function on this machine and write a report: no AWS account needed.",
    "tune": "Tune a deployed function: find the cheapest memory size that meets the goal.",
    "check": "Tune a deployed function; the exit code says whether today's size is still the right one.",
    "try": "Tune a Python handler from its source, on this machine: no AWS account needed.",
    "report": "Show an earlier run's report again; the exit code is that of the run.",
    "open": "Fetch a run's report and open it in the browser.",
    "list": "List the latest runs, newest first.",
    "patch": "Write a run's recommendation into a SAM or CloudFormation template; everything else stays, "
    "byte for byte.",
    "logs": "Read the REPORT records of a log: one JSON object per line, or a summary by memory size.",
    "doctor": "Check what a deployment and a run need: before and after `sam deploy`, and for a bug report.",
    "uninstall": "Remove Lambda Tuner from an AWS account: empty its bucket, delete its stack, confirm that "
    "nothing is left.",
    "local": "Keep an embedded AWS running on this machine, for the AWS CLI, boto3 and --local.",
}
"""The help of each subcommand, again: to list them imports none of them. In the order of the help."""
_MODULES = {"try": "try_handler", "open": "open_run", "list": "list_runs"}
"""The module of a subcommand, and the command in it, if they have another name: Python's own have these."""


def subcommand(name: str) -> Any:
    """Import a subcommand."""
    module = _MODULES.get(name, name)
    return typer.main.get_command(getattr(import_module(f"tuner.cli.commands.{module}"), module))


class Program(TyperGroup):
    """The subcommands; ``--debug`` may stand anywhere: whoever meets an error adds it at the end of the line."""

    def __init__(self, **settings: Any) -> None:
        listed = {name: TyperCommand(name, help=text) for name, text in _SUBCOMMANDS.items()}
        super().__init__(**settings | {"commands": listed})

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Import the subcommand that was typed: none waits for the others' flags."""
        name, listed, others = super().resolve_command(ctx, args)
        return name, subcommand(name) if name else listed, others

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Note ``--debug`` and take it out, up to a ``--`` that ends the flags."""
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
    cls=Program,
    callback=main,
    help="Finds the cheapest memory size of an AWS Lambda function that meets a latency goal, and says how sure it is.",
    epilog=f"Start here: lambda-tuner demo\n\n{EXIT_CODES_HELP}",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
