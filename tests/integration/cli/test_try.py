"""``try``: the user's own handler, on the embedded AWS."""

from __future__ import annotations

from pathlib import Path

from tests.integration.cli.conftest import Shell, json_of

HANDLER = """
import os
from .work import spin

def handler(event, context):
    if os.environ.get("NEEDED") != "yes":
        raise RuntimeError("NEEDED is missing")
    return spin(event["n"])
"""
WORK = "def spin(n):\n    return sum(i * i for i in range(n))\n"


def write_package(folder: Path) -> Path:
    """A package whose handler needs a variable, a payload and its own module."""
    package = folder / "shop"
    package.mkdir()
    (package / "__init__.py").write_text("", encoding="utf-8")
    (package / "app.py").write_text(HANDLER, encoding="utf-8")
    (package / "work.py").write_text(WORK, encoding="utf-8")
    (folder / "event.json").write_text('{"n": 50000}', encoding="utf-8")
    return package / "app.py"


def test_a_handler_is_tuned_from_its_source(shell: Shell) -> None:
    """One command gives a verdict, a report in --out, and the execution's output alone on standard output."""
    app = write_package(shell.folder)
    result = shell.run(
        "try", f"{app}:handler", "--payload", "event.json", "--env", "NEEDED=yes", "--goal", "p95=1ms",
        "--sizes", "128,512,1024", "--memory", "512", "--max-invocations", "6", "--out", "out", "--json",
    )  # fmt: skip
    output = json_of(result)
    assert (result.returncode, output["verdict"]) == (3, "GOAL_NOT_MET"), result.stderr
    assert output["where"] == "local"
    assert (output["current"]["memoryMb"], output["current"]["assumed"]) == (512, False)
    assert output["invocations"] <= 6
    assert sorted(path.name for path in (shell.folder / "out").iterdir()) == [
        "report.html",
        "report.json",
        "report.md",
        "report.svg",
    ]
    assert "shop.app.handler" in result.stderr


def test_a_handler_that_fails_shows_its_own_error(shell: Shell) -> None:
    """A failing handler ends the run after one invocation with its own error, and exit code 4."""
    app = write_package(shell.folder)
    result = shell.run("try", f"{app}:handler", "--payload", "event.json", "--json")
    error = json_of(result)["error"]
    assert (result.returncode, error["name"]) == (4, "PayloadFailed"), result.stderr
    assert "NEEDED is missing" in error["message"]
    assert "tuner/cli" not in result.stderr, "the handler's own traceback is shown, never the command's"


def test_a_dry_run_estimates(shell: Shell) -> None:
    """--dry-run gives an estimate after one invocation, and exit code 0."""
    app = write_package(shell.folder)
    (shell.folder / ".env").write_text("NEEDED=yes\n", encoding="utf-8")
    result = shell.run("try", f"{app}", "--payload", "event.json", "--env-file", ".env", "--dry-run", "--json")
    output = json_of(result)
    assert (result.returncode, output["verdict"]) == (0, "DRY_RUN"), result.stderr
    assert output["estimate"]["invocations"] > 1


def test_a_function_of_a_template(shell: Shell) -> None:
    """--template brings handler, variables and memory size; what only AWS knows is named."""
    write_package(shell.folder)
    (shell.folder / "template.yaml").write_text(
        """
Resources:
  Table: {Type: AWS::DynamoDB::Table}
  Shop:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: .
      Handler: shop.app.handler
      Runtime: python3.12
      MemorySize: 1024
      Environment: {Variables: {NEEDED: "yes", TABLE: !Ref Table}}
""",
        encoding="utf-8",
    )
    result = shell.run("try", "--template", "template.yaml", "--payload", "event.json", "--dry-run")
    assert result.returncode == 0, result.stderr
    assert "TABLE" in result.stderr
    assert "1,024 MB" in result.stderr


def test_real_aws_asks_first(shell: Shell) -> None:
    """Without a terminal to ask on and without --yes, the handler does not reach the user's account."""
    app = write_package(shell.folder)
    result = shell.run("try", f"{app}", "--real-aws")
    assert result.returncode == 2
    assert "your own AWS account" in result.stderr
