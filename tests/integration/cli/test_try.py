"""``try``: the user's own handler, on the embedded AWS."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.integration.cli.conftest import Shell, json_of
from tuner.application import application_root
from tuner.embedded.host.sandbox import find_sandbox

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


SEED = """
import json
import sys
from pathlib import Path
from shop import work

table.put_item(Item={"id": "8", "n": work.spin(json.loads(Path("rows.json").read_text())[0])})
print("seeded")
try:
    Path("written").write_text("x")
except OSError:
    print("kept out")
"""
READER = """
import os
import boto3

TABLE = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])
FIRST = TABLE.get_item(Key={"id": "8"})["Item"]
boto3.client("s3").get_object(Bucket="photos", Key="cat.jpg")
boto3.client("sqs").get_queue_url(QueueName="orders")

def handler(event, context):
    return int(FIRST["n"])
"""


def test_a_script_prepares_the_embedded_aws(shell: Shell) -> None:
    """The guide's script runs before import and invocation, with the handler's variables, code, AWS, in its folder."""
    guide = (application_root() / "docs" / "try-your-function.md").read_text(encoding="utf-8")
    seed = guide.split("```python\n# seed.py\n")[1].split("```")[0] + SEED
    write_package(shell.folder)
    (shell.folder / "reader.py").write_text(READER, encoding="utf-8")
    (shell.folder / "seeds").mkdir()
    (shell.folder / "seeds" / "seed.py").write_text(seed, encoding="utf-8")
    (shell.folder / "seeds" / "cat.jpg").write_bytes(b"cat")
    (shell.folder / "seeds" / "rows.json").write_text("[7]", encoding="utf-8")
    (shell.folder / ".env").write_text("TABLE_NAME=rows\n", encoding="utf-8")
    words = ("try", "reader.py", "--env-file", ".env", "--dry-run", "--json", "--setup", "seeds/seed.py")
    words = (*words, "--python", sys.executable)  # it has boto3, and the machine's own may not
    result = shell.run(*words)
    output = json_of(result)
    assert (result.returncode, output.get("verdict")) == (0, "DRY_RUN"), result.stderr
    assert output["estimate"]["invocations"] > 1
    assert "seeded" in result.stderr
    assert ("kept out" in result.stderr) == (find_sandbox().means != "none")
    again = shell.run(*words)
    assert (again.returncode, json_of(again)["error"]["name"]) == (4, "SetupFailed"), again.stderr
    assert f"{shell.folder}/seeds/seed.py" in again.stderr
    assert "ResourceInUseException" in again.stderr, "it fails with a traceback of its own"


def test_what_is_missing_at_import_is_said_before_a_run(shell: Shell) -> None:
    """A missing variable or module shows the traceback and what to do, and no run is started."""
    (shell.folder / "app.py").write_text(
        "import os\nNAME = os.environ['NAME']\nimport nowhere\ndef handler(event, context): ...\n", encoding="utf-8"
    )
    for variables, line, error, hint in (
        ((), 2, "KeyError: 'NAME'", "--env NAME=value"),
        (("--env", "NAME=x"), 3, "ModuleNotFoundError: No module named 'nowhere'", "--python"),
    ):
        result = shell.run("try", "app.py", *variables, "--json")
        failure = json_of(result)
        assert (result.returncode, failure["runId"]) == (4, None), result.stderr
        assert failure["error"]["name"] == "HandlerNotImported"
        assert error in failure["error"]["message"]
        assert hint in failure["error"]["hint"]
        assert f'app.py", line {line}, in <module>' in result.stderr
        assert "Started run" not in result.stderr


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
