"""The command ``lambda-tuner``: its subcommands, which are a module each in ``tuner.cli.commands``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from tuner.cli.failures import EXIT_CODES_HELP, EXIT_OK, debug_requested

_MODULES = {
    "demo": "demo",
    "tune": "tune",
    "check": "check",
    "try": "try_handler",
    "report": "report",
    "open": "open_run",
    "list": "list_runs",
    "patch": "patch",
    "logs": "logs",
    "doctor": "doctor",
    "uninstall": "uninstall",
    "local": "local",
}
"""The module of each subcommand, and the command's name in it; in the order of the help."""


class Subcommands(Mapping[str, Any]):
    """The subcommands by their names, each imported when it is asked for: none waits for the others' flags."""

    def __getitem__(self, name: str) -> Any:
        """Import one."""
        module = _MODULES[name]
        return typer.main.get_command(getattr(import_module(f"tuner.cli.commands.{module}"), module))

    def __iter__(self) -> Iterator[str]:
        """Their names."""
        return iter(_MODULES)

    def __len__(self) -> int:
        """How many there are."""
        return len(_MODULES)


class Program(TyperGroup):
    """The subcommands; ``--debug`` may stand anywhere: whoever meets an error adds it at the end of the line."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings | {"commands": Subcommands()})

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the group's own
        """Their names, without importing them."""
        return [*_MODULES]

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
