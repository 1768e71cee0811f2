"""``try``: the user's own handler, on the embedded AWS."""

from __future__ import annotations

import json
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
FROM_THE_ROOT = """
import os
from src.lib.maths import add

def handler(event, context):
    assert os.environ["NEEDED"] == "yes"
    assert sorted(os.listdir()) == [".gitignore", "src"]
    return add(1, 2)
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


def test_a_function_of_a_template(shell: Shell) -> None:
    """--template brings handler, variables, sizes, architecture and its own layers; what only AWS knows is named."""
    app = write_package(shell.folder)
    app.write_text(HANDLER.replace("import os\n", "import os, shared.tools\n"), encoding="utf-8")
    layer = shell.folder / "layer" / "python" / "shared"
    layer.mkdir(parents=True)
    (layer / "tools.py").write_text("", encoding="utf-8")
    (shell.folder / "template.yaml").write_text(
        """
Globals:
  Function: {Architectures: [arm64], EphemeralStorage: {Size: 1024}}
Resources:
  Table: {Type: AWS::DynamoDB::Table}
  Tools: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: layer}}
  Shop:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: .
      Handler: shop.app.handler
      Runtime: python3.9
      MemorySize: 1024
      Layers: [!Ref Tools]
      Environment: {Variables: {NEEDED: "yes", TABLE: !Ref Table}}
""",
        encoding="utf-8",
    )
    result = shell.run(
        "try", "--template", "template.yaml", "--payload", "event.json", "--prices", "af-south-1", "--dry-run",
        "--out", "out", "--json",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "TABLE" in result.stderr
    assert "1,024 MB" in result.stderr
    assert "The template's runtime is python3.9" in result.stderr
    report = json.loads((shell.folder / "out" / "report.json").read_text(encoding="utf-8"))
    assert (report["function"]["architecture"], report["function"]["memoryMb"]) == ("arm64", 1024)
    assert report["leftUndone"] == [
        "x86_64 was not tried: the request names no architecture besides the function's own."
    ]
    assert report["prices"]["region"] == "af-south-1"
    assert report["prices"]["architectures"]["arm64"]["usdPerGbSecond"] == 0.00001768


def test_a_dry_run_of_a_handler_in_a_subfolder(shell: Shell) -> None:
    """--dry-run estimates after one invocation; the handler imports from its project's root, as when deployed."""
    for name, text in {
        ".env": "NEEDED=yes\n",
        ".git/HEAD": "",
        ".gitignore": "data/\nlib/\n",
        "apienv/pyvenv.cfg": "",
        "data/big.csv": "1,2\n",
        "src/handlers/calc.py": FROM_THE_ROOT,
        "src/lib/maths.py": "def add(a, b):\n    return a + b\n",
    }.items():
        (shell.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (shell.folder / name).write_text(text, encoding="utf-8")
    result = shell.run("try", "src/handlers/calc.py:handler", "--env-file", ".env", "--dry-run", "--json")
    output = json_of(result)
    assert (result.returncode, output["verdict"]) == (0, "DRY_RUN"), result.stderr
    assert output["estimate"]["invocations"] > 1
    assert "Handler src.handlers.calc.handler in " in result.stderr
    assert "because .gitignore lists it: data." in result.stderr


def test_real_aws_asks_first(shell: Shell) -> None:
    """Without a terminal to ask on and without --yes, the handler does not reach the user's account."""
    app = write_package(shell.folder)
    result = shell.run("try", f"{app}", "--real-aws")
    assert result.returncode == 2
    assert "your own AWS account" in result.stderr
