"""How a function becomes a command: groups of flags, errors as sentences, the exit code; and the flags of several."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_type_hints

import typer

from tuner.cli.failures import UsageProblem, expected_errors

if TYPE_CHECKING:
    from tuner.cli.execute import Presentation

GOAL, PLACE, HOW, OUTPUT, FUNCTION = "Goal", "Where", "Execution", "Output", "The function"


def flag(usage: str, help: str = "", panel: str | None = None, **more: Any) -> Any:  # noqa: A002
    """An option of the command: its names and what follows them (``--region NAME``), its sentence, the help's panel."""
    names = [word for word in usage.split() if word.startswith("-")]
    return typer.Option(
        *names, metavar=usage.removeprefix(" ".join(names)).strip(), help=help, rich_help_panel=panel, **more
    )


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


def _group_of(hint: Any) -> Group | None:
    """The group that a parameter's annotation asks for, if it does: a ``Group`` beside it, or a dataclass of flags."""
    kind, *others = get_args(hint) if hasattr(hint, "__metadata__") else (hint,)
    found = next((each for each in others if isinstance(each, Group)), None)
    if found is not None or not hasattr(kind, "__dataclass_fields__"):
        return found
    without = {name for each in others if isinstance(each, Without) for name in each.names}
    hints = get_type_hints(kind, include_extras=True)
    parameters = (
        parameter(each.name, hints[each.name], each.default) for each in fields(kind) if each.name not in without
    )
    return Group(tuple(parameters), lambda typed: kind(**typed))


def parameter(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    """A flag or an argument of a command."""
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def command(name: str, *, epilog: str, of: typer.Typer | None = None) -> Callable[[Callable[..., int]], typer.Typer]:
    """Make a function a command: its groups become flags, its errors sentences, its result the exit code.

    The *epilog* has examples and exit codes; the command is added to *of*, else to an application of its own.
    """

    def made(function: Callable[..., int]) -> typer.Typer:
        hints = get_type_hints(function, include_extras=True)
        parameters: list[inspect.Parameter] = []
        groups: dict[str, Group] = {}
        for each in inspect.signature(function).parameters.values():
            group = _group_of(hints[each.name])
            if group is None:
                parameters.append(parameter(each.name, hints[each.name], each.default))
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
        app = of or typer.Typer(rich_markup_mode="rich", add_completion=False)
        app.command(name, help=function.__doc__, epilog=epilog)(run)
        return app

    return made


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
    flag("--out DIR", "Folder for report.html, report.md, report.json and report.svg.", OUTPUT, file_okay=False),
]
QuietFlag = Annotated[bool, flag("--quiet -q", "Print only the verdict, in one sentence, and errors.", OUTPUT)]
JsonFlag = Annotated[bool, flag("--json", "Print the result as JSON, and nothing else, to standard output.", OUTPUT)]


@dataclass(frozen=True, slots=True)
class RunFlags:
    """Whether to ask before a run, and how it is shown."""

    yes: YesFlag = False
    out: OutFlag = None
    quiet: QuietFlag = False
    json_output: JsonFlag = False

    def presentation(self, **more: Any) -> Presentation:
        """How the run is shown, with *more* of its fields."""
        from tuner.cli.execute import Presentation

        return Presentation(out=self.out, json_output=self.json_output, quiet=self.quiet, **more)


@dataclass(frozen=True, slots=True)
class ConfigFlags:
    """Which file of settings is read."""

    config: Annotated[
        Path | None,
        flag(
            "--config FILE",
            "Settings for your functions. Default: the nearest lambda-tuner.toml, from this folder upward.",
            HOW,
        ),
    ] = None
    no_config: Annotated[bool, flag("--no-config", "Read no lambda-tuner.toml.", HOW)] = False


@dataclass(frozen=True, slots=True)
class AccountFlags:
    """The flags that say where, as they were typed."""

    region: Annotated[str | None, flag("--region NAME", "AWS Region.", PLACE)] = None
    profile: Annotated[str | None, flag("--profile NAME", "Profile of the AWS configuration.", PLACE)] = None
    stack: Annotated[str | None, flag("--stack lambda-tuner", "CloudFormation stack of the application.", PLACE)] = None
    state_machine: Annotated[
        str | None,
        flag("--state-machine ARN", "The state machine <stack>-tune, instead of --region and --stack.", PLACE),
    ] = None
    local: Annotated[bool, flag("--local", "Use the embedded AWS: the running one, or a temporary one.", PLACE)] = False

    def __post_init__(self) -> None:
        """Refuse two places at once.

        Raises:
            UsageProblem: An account is named, and *local*.
        """
        if self.local and self.named:
            raise UsageProblem(f"--local and {', '.join(self.named)} exclude each other.")

    @property
    def named(self) -> list[str]:
        """The flags of an AWS account that were given."""
        names = ("region", "profile", "stack", "state_machine")
        return [f"--{name.replace('_', '-')}" for name in names if getattr(self, name) is not None]


ReadAccountFlags = Annotated[AccountFlags, Without(("local",))]
"""Of a command that reads earlier runs: an account's if one is named, else this machine's."""
