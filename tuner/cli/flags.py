"""How a function becomes a command: groups of flags, those of the request made from its fields, and the exit code."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Optional, get_args, get_type_hints

import typer

from tuner.cli.failures import expected_errors
from tuner.cli.options import FLAGS, type_of

GOAL, PLACE, HOW, OUTPUT, FUNCTION = "Goal", "Where", "Execution", "Output", "The function"


def flag(name: str, help: str = "", panel: str | None = None, *, form: str = "", **more: Any) -> Any:  # noqa: A002
    """An option of the command: its names, its sentence, the panel of the help, and a word for what follows it."""
    return typer.Option(*name.split(), metavar=form, help=help, rich_help_panel=panel, **more)


@dataclass(frozen=True, slots=True)
class Group:
    """Flags that a command takes as one value."""

    parameters: tuple[inspect.Parameter, ...]
    build: Callable[[Mapping[str, Any]], Any]
    """Makes the value of what was typed, by the names of the parameters."""


@dataclass(frozen=True, slots=True)
class Without:
    """In the annotation of a group: the fields that the command has no flag for; they keep their defaults."""

    names: tuple[str, ...]


def request_flags(command: str) -> Group:
    """The flags of the request's fields, as a mapping by their paths of what was typed."""
    parameters, paths = [], {}
    for path, each in FLAGS.items():
        known = each.flag
        if known is None or command not in known.commands:
            continue
        attribute = f"request_{path.replace('.', '_')}"
        is_switch = each.kind is bool and "/" not in known.name
        kind: Any = bool if is_switch else Optional[type_of(path)]  # noqa: UP045 - it is made here
        option = flag(known.name, known.help or each.meaning, known.panel, form=known.form)
        parameters.append(_parameter(attribute, Annotated[kind, option], False if is_switch else None))
        paths[attribute] = path, is_switch, not each.default

    def build(typed: Mapping[str, Any]) -> dict[str, Any]:
        return {
            path: switched if is_switch else typed[attribute]
            for attribute, (path, is_switch, switched) in paths.items()
            if typed[attribute] is not None and not (is_switch and typed[attribute] is False)
        }

    return Group(tuple(parameters), build)


def _group_of(hint: Any) -> Group | None:
    """The group that a parameter's annotation asks for, if it does: a ``Group`` beside it, or a dataclass of flags."""
    kind, *others = get_args(hint) if hasattr(hint, "__metadata__") else (hint,)
    found = next((each for each in others if isinstance(each, Group)), None)
    if found is not None or not hasattr(kind, "__dataclass_fields__"):
        return found
    without = {name for each in others if isinstance(each, Without) for name in each.names}
    hints = get_type_hints(kind, include_extras=True)
    parameters = (
        _parameter(each.name, hints[each.name], each.default) for each in fields(kind) if each.name not in without
    )
    return Group(tuple(parameters), lambda typed: kind(**typed))


def _parameter(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def add_command(app: typer.Typer, name: str, function: Callable[..., int], *, epilog: str) -> None:
    """Register a function as a command: its groups become flags, its errors sentences, its result the exit code."""
    hints = get_type_hints(function, include_extras=True)
    parameters: list[inspect.Parameter] = []
    groups: dict[str, Group] = {}
    for each in inspect.signature(function).parameters.values():
        group = _group_of(hints[each.name])
        if group is None:
            parameters.append(_parameter(each.name, hints[each.name], each.default))
        else:
            groups[each.name] = group
            parameters += group.parameters

    @expected_errors
    def run(**typed: Any) -> None:
        for name, group in groups.items():
            typed[name] = group.build({each.name: typed.pop(each.name) for each in group.parameters})
        raise typer.Exit(function(**typed))

    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    app.command(name, help=function.__doc__, epilog=epilog)(run)


def _refuse_memory(typed: str | None) -> None:
    if typed is not None:
        raise typer.BadParameter(
            f"today's memory size is read from the function. For memory sizes to try: --sizes {typed}.",
            param_hint="--memory",
        )


def _complete_run_id(incomplete: str) -> list[tuple[str, str]]:
    from tuner.cli.reading import complete_run_ids

    return complete_run_ids(incomplete)


FunctionArgument = Annotated[
    str, typer.Argument(metavar="ARN_OR_NAME", help="The function: name or ARN, also with version or alias.")
]
RunIdArgument = Annotated[
    str,
    typer.Argument(
        metavar="RUN_ID", help="The run's id, the start of it, or `latest`.", autocompletion=_complete_run_id
    ),
]
NoMemoryFlag = Annotated[str | None, flag("--memory", "", hidden=True, callback=_refuse_memory)]
YesFlag = Annotated[bool, flag("--yes -y", "Do not ask for confirmation.", HOW)]
NoSandboxFlag = Annotated[bool, flag("--no-sandbox", "Let the handler write anywhere on this machine.", HOW)]
OutFlag = Annotated[
    Path | None,
    flag(
        "--out", "Folder for report.html, report.md, report.json and report.svg.", OUTPUT, form="DIR", file_okay=False
    ),
]
QuietFlag = Annotated[bool, flag("--quiet -q", "Print only the verdict, in one sentence, and errors.", OUTPUT)]
JsonFlag = Annotated[bool, flag("--json", "Print the result as JSON, and nothing else, to standard output.", OUTPUT)]


@dataclass(frozen=True, slots=True)
class ConfigFlags:
    """Which file of settings is read."""

    config: Annotated[
        Path | None,
        flag(
            "--config",
            "Settings of your functions. Default: the nearest lambda-tuner.toml, from this folder upward.",
            HOW,
            form="FILE",
        ),
    ] = None
    no_config: Annotated[bool, flag("--no-config", "Read no lambda-tuner.toml.", HOW)] = False


@dataclass(frozen=True, slots=True)
class AccountFlags:
    """The flags that say where, as they were typed."""

    region: Annotated[str | None, flag("--region", "AWS Region.", PLACE, form="NAME")] = None
    profile: Annotated[str | None, flag("--profile", "Profile of the AWS configuration.", PLACE, form="NAME")] = None
    stack: Annotated[
        str | None, flag("--stack", "CloudFormation stack of the application.", PLACE, form="lambda-tuner")
    ] = None
    state_machine: Annotated[
        str | None,
        flag("--state-machine", "The state machine <stack>-tune, instead of --region and --stack.", PLACE, form="ARN"),
    ] = None
    local: Annotated[bool, flag("--local", "Use the embedded AWS: the running one, or a temporary one.", PLACE)] = False

    @property
    def named(self) -> list[str]:
        """The flags of an AWS account that were given."""
        names = ("region", "profile", "stack", "state_machine")
        return [f"--{name.replace('_', '-')}" for name in names if getattr(self, name) is not None]


ReadAccountFlags = Annotated[AccountFlags, Without(("local",))]
"""Of a command that reads earlier runs: an account's if one is named, else this machine's."""
