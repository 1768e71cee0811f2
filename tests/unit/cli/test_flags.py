"""Functions become commands: groups of flags, the request's flags made from its fields, exit codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from typer.testing import CliRunner

from tuner.cli.flags import Without, command, flag
from tuner.cli.options import FLAGS, request_flags
from tuner.core.errors import InvalidRequest

RUNNER = CliRunner()


@dataclass(frozen=True)
class Place:
    """Two flags that belong together."""

    region: Annotated[str | None, flag("--region", "Where.")] = None
    local: Annotated[bool, flag("--local", "Here.")] = False


def typed(name: str, *words: str) -> dict[str, Any]:
    """What a command is given by its flags of the request."""
    found: list[dict[str, Any]] = []

    def run(asked: Annotated[dict[str, Any], request_flags(name)]) -> int:
        found.append(asked)
        return 0

    run.__annotations__["asked"] = Annotated[dict[str, Any], request_flags(name)]
    app = command("run", epilog="")(run)
    result = RUNNER.invoke(app, list(words))
    assert result.exit_code == 0, result.output
    return found[0]


def test_flags_of_the_request_come_by_the_paths_of_its_fields() -> None:
    """Only what was typed is there; a switch says the opposite of the default."""
    assert typed("tune") == {}
    words = [
        "--goal",
        "p95=1s",
        "--max-cost",
        "0.5",
        "--no-warm-start",
        "--dry-run",
        "--no-parallel",
        "--cold-starts",
        "0",
    ]
    assert typed("tune", *words) == {
        "goal": "p95=1s",
        "budget.maxCostUsd": 0.5,
        "warmStart": False,
        "dryRun": True,
        "parallelInvocation": False,
        "coldStarts": 0,
    }


@pytest.mark.parametrize("name", ["tune", "check", "try", "demo"])
def test_a_command_has_the_flags_that_are_its_own(name: str) -> None:
    """And no other."""
    options = [parameter.annotation.__metadata__[0] for parameter in request_flags(name).parameters]
    names = [decl for option in options for decl in (option.default, *(option.param_decls or ())) if decl]
    assert set(names) == {each.flag.name for each in FLAGS.values() if each.flag and name in each.flag.commands}


def test_a_group_arrives_as_its_value_and_a_result_as_the_exit_code() -> None:
    """A field that the command has no flag for keeps its default."""
    places = []

    def run(where: Annotated[Place, Without(("local",))], count: Annotated[int, flag("--count")] = 0) -> int:
        places.append(where)
        return count

    run.__annotations__["where"] = Annotated[Place, Without(("local",))]
    app = command("run", epilog="")(run)
    assert RUNNER.invoke(app, ["--region", "eu-west-1", "--count", "3"]).exit_code == 3
    assert places == [Place("eu-west-1")]
    assert RUNNER.invoke(app, ["--local"]).exit_code == 2


def test_an_expected_error_ends_the_command_with_its_code() -> None:
    """It is a sentence, as everywhere."""

    def run() -> int:
        raise InvalidRequest(["goal is odd"])

    app = command("run", epilog="")(run)
    result = RUNNER.invoke(app, [])
    assert (result.exit_code, "goal is odd" in result.output) == (2, True)
