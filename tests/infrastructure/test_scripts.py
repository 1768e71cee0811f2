"""The scripts tell the truth, and say what to do where they cannot go on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import SLOW, STARTED_ONCE
from tests.infrastructure.deployed import ROOT

LOCK_INPUTS = (
    "pyproject.toml",
    "requirements.lock",
    "requirements-client.lock",
    "requirements-dev.lock",
    "requirements-oldest.lock",
    "requirements-sam.lock",
    "requirements-sam.in",
)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The files that the lock check reads, to be changed."""
    for name in LOCK_INPUTS:
        shutil.copyfile(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "packages", tmp_path / "packages", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    return tmp_path


def check_locks(folder: Path) -> tuple[int, str]:
    """Run the check; give its exit code and output."""
    ended = subprocess.run(
        [sys.executable, folder / "scripts" / "check-locks"], capture_output=True, text=True, check=False
    )
    return ended.returncode, ended.stdout + ended.stderr


def replace(path: Path, old: str, new: str) -> None:
    """Replace the first occurrence of a text that must be there."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_locks_are_in_step() -> None:
    """pyproject.toml, the lock files and the deployment packages agree."""
    assert check_locks(ROOT) == (0, "")


@pytest.mark.parametrize(
    ("name", "old", "new", "finding"),
    [
        ("pyproject.toml", '"jinja2>=3.1"', '"jinja2>=99"', "pyproject.toml asks for >=99"),
        ("pyproject.toml", '  "platformdirs>=4.3",\n', "", "still locks platformdirs"),
        ("pyproject.toml", '"rich>=14"', '"rich>=14", "left-pad>=1"', "requirements.lock lacks left-pad"),
        ("packages/search.txt", "optuna==", "optuna==1", "packages/search.txt has another optuna"),
        ("requirements-dev.lock", "jinja2==", "jinja2==1", "requirements-dev.lock has another jinja2"),
        (
            "requirements.lock",
            "jinja2==",
            "--index-url https://host/simple\njinja2==",
            "requirements.lock names a host",
        ),
    ],
)
def test_a_lock_out_of_step_is_found(copy: Path, name: str, old: str, new: str, finding: str) -> None:
    """A changed requirement, a forgotten one, another version or a host name is found, and what to run is said."""
    replace(copy / name, old, new)
    code, output = check_locks(copy)
    assert code == 1
    assert finding in output
    assert "scripts/lock" in output


def test_setup_without_a_python_says_what_to_install(copy: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Where no suitable Python is found, a sentence says which are and how to get one."""
    tools = tmp_path_factory.mktemp("tools")
    for tool in ("bash", "dirname", "cat", "cmp", "env"):
        found = shutil.which(tool)
        assert found is not None
        (tools / tool).symlink_to(found)
    ended = subprocess.run(
        [copy / "scripts" / "setup"], env={"PATH": str(tools)}, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert "needs Python 3.11, 3.12 or 3.13" in ended.stderr


def test_what_is_started_once_and_what_is_slow_is_there() -> None:
    """A folder or file that moved would be shared out and run like any other, and nobody would see it."""
    for place in (*STARTED_ONCE, *SLOW):
        file, _, test = place.partition("::")
        assert (ROOT / file).exists(), place
        assert not test or f"\ndef {test}" in (ROOT / file).read_text(encoding="utf-8"), place


def test_tests_without_a_browser_say_so(tmp_path: Path) -> None:
    """Without a Chromium the browser tests are left out, aloud; where they are required, that is an error."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("bash", "dirname"):
        found = shutil.which(tool)
        assert found is not None
        (tools / tool).symlink_to(found)
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "test", tmp_path / "scripts" / "test")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    for name in ("pytest", "python"):
        stand_in = tmp_path / ".venv" / "bin" / name
        stand_in.write_text('#!/bin/sh\necho "ran: $*"\n', encoding="utf-8")
        stand_in.chmod(0o755)

    def run(**variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [tmp_path / "scripts" / "test", "-q"],
            env={"PATH": str(tools), **variables},
            capture_output=True,
            text=True,
            check=False,
        )

    without = run()
    assert (without.returncode, without.stdout) == (0, "ran: -m pytest -n 2 --dist loadscope -m not browser -q\n")
    assert "the browser tests did not run" in without.stderr
    required = run(LAMBDA_TUNER_REQUIRE_BROWSER="1")
    assert (required.returncode, required.stdout) == (1, "")
    named = run(LAMBDA_TUNER_CHROMIUM="/opt/chromium")
    assert (named.returncode, named.stdout) == (0, "ran: -m pytest -n 2 --dist loadscope -q\n")


def test_scripts_can_be_run() -> None:
    """Every script is executable and says in its first lines what it is for."""
    paths = [path for path in (ROOT / "scripts").iterdir() if path.is_file()] + [ROOT / ".ci" / "run"]
    for path in paths:
        assert os.access(path, os.X_OK), path
        lines = path.read_text(encoding="utf-8").splitlines()
        assert lines[0].startswith("#!/usr/bin/env ")
        assert lines[1].startswith(("# ", '"""')), path
