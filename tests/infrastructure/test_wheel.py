"""The wheel is the whole product: what `pipx install` gives works outside of a checkout."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.infrastructure.deployed import ROOT

START_EMBEDDED_AWS = """
import json, sys
from pathlib import Path
import tuner
from tuner.application import application_root
from tuner.embedded.account import client, embedded_aws

with embedded_aws(home=Path(sys.argv[1])) as aws:
    machines = client(aws, "stepfunctions").list_state_machines()["stateMachines"]
    print(json.dumps({
        "package": str(Path(tuner.__file__).parent),
        "application": str(application_root()),
        "machines": sorted(machine["name"] for machine in machines),
    }))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the work tree with no download."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's content in a folder of its own, as an installation lays it out."""
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run(installed: Path, cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python with the installed wheel before the checkout, and no setting of this shell's AWS."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "LAMBDA_TUNER_"))}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**environment, "PYTHONPATH": str(installed), "LAMBDA_TUNER_HOME": str(cwd / "home")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_wheel_carries_the_application(installed: Path) -> None:
    """Template, state machines and examples are in it, byte for byte."""
    application = installed / "tuner" / "_application"
    carried = [ROOT / "template.yaml", *(ROOT / "state_machine").glob("*.asl.json")]
    carried += [path for path in (ROOT / "examples").rglob("*") if path.is_file() and path.suffix in {".py", ".json"}]
    for path in carried:
        if "__pycache__" not in path.parts:
            assert (application / path.relative_to(ROOT)).read_bytes() == path.read_bytes()


def test_wheel_carries_every_data_file(installed: Path) -> None:
    """The files beside the modules, such as prices and templates, are in it."""
    for path in (ROOT / "tuner").rglob("*"):
        if path.is_file() and path.suffix not in {".pyc", ""} and "__pycache__" not in path.parts:
            assert (installed / path.relative_to(ROOT)).is_file(), path


def test_wheel_carries_nothing_of_this_machine(wheel: Path) -> None:
    """No caches, no environments, no results."""
    names = zipfile.ZipFile(wheel).namelist()
    assert not [
        name for name in names if "__pycache__" in name or ".venv" in name or name.startswith(("out/", "tests/"))
    ]
    assert "tuner/Makefile" not in names


def test_command_runs_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    """`lambda-tuner --help` works in a folder that is no checkout."""
    ended = run(installed, tmp_path, "-c", "import sys; from tuner.cli import main; sys.argv[1:] = ['--help']; main()")
    assert ended.returncode == 0, ended.stderr
    assert "Usage" in ended.stdout


def test_embedded_aws_deploys_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    """The embedded AWS starts with the application that the wheel carries."""
    ended = run(installed, tmp_path, "-c", START_EMBEDDED_AWS, str(tmp_path / "home"))
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout.splitlines()[-1])
    assert found["package"] == str(installed / "tuner")
    assert found["application"] == str(installed / "tuner" / "_application")
    assert found["machines"] == ["lambda-tuner-nightly", "lambda-tuner-restore", "lambda-tuner-tune"]


CLIENT_ALONE = """
import importlib, pkgutil, sys

missing = set(sys.argv[1].split(","))

class Without:
    # does not find some packages

    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        return None if name.split(".")[0] in missing else self.finder.find_spec(name, path, target)

sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
import tuner.cli
for module in pkgutil.walk_packages(tuner.cli.__path__, "tuner.cli."):
    importlib.import_module(module.name)
sys.argv[:2] = ["lambda-tuner"]
tuner.cli.main()
"""


def test_wheel_holds_the_package_alone(wheel: Path) -> None:
    """Nothing else lands in site-packages."""
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"tuner"}


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["tune", "--help"], 0, "Usage"),
        (["list"], 0, "no runs in the store"),
        (["logs", str(ROOT / "tests" / "data" / "logs" / "chalice-logs--log.txt")], 0, "14.97"),
        (["tune", "f", "--region", "us-east-1", "--goal", "p95"], 2, "--goal"),
        (["demo"], 2, "pip install './lambda-tuner[local]'"),
        (["try", "app.py:handler"], 2, ""),
        (["local", "status"], 2, "pip install './lambda-tuner[local]'"),
    ],
)
def test_the_client_needs_no_embedded_aws(
    arguments: list[str], code: int, sentence: str, installed: Path, tmp_path: Path
) -> None:
    """Without the packages of the extra `local`, a pipeline's commands work, and the others say what to install."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    local = [re.match(r"[\w-]+", each)[0].replace("-", "_") for each in project["optional-dependencies"]["local"]]  # type: ignore[index]
    others = ["samtranslator", "vl_convert", "antlr4", "cfn_tools", "cfn_flip", "PIL", "aws_xray_sdk", "flask"]
    ended = run(installed, tmp_path, "-c", CLIENT_ALONE, ",".join(local + others), *arguments)
    assert ended.returncode == code, ended.stderr
    assert sentence in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
