"""A running embedded AWS in a store of its own, shared by the tests of the command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tuner.core.run.plan import CLONE_PREFIX
from tuner.embedded import identity
from tuner.embedded.account import EmbeddedAws, client, start, stop

COMMAND = [sys.executable, "-c", "from tuner.cli import main; main()"]


@dataclass
class Shell:
    """Runs the command as a user does: a process with its own environment and folder."""

    home: Path
    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """This process's environment without any AWS, and the store of the tests."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "VIRTUAL_ENV"))}
        return {
            **kept,
            "LAMBDA_TUNER_HOME": str(self.home),
            "COLUMNS": "120",
            "AWS_CONFIG_FILE": str(self.folder / "none"),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.folder / "none"),
            "AWS_EC2_METADATA_DISABLED": "true",
            "PYTHONPATH": str(Path(__file__).resolve().parents[3]),
            **self.variables,
        }

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the command to its end, without a terminal."""
        return subprocess.run(
            [*COMMAND, *words],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """Start the command and leave it running."""
        return subprocess.Popen(
            [*COMMAND, *words],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def with_account(self, aws: EmbeddedAws) -> Shell:
        """The same shell with credentials and endpoint of an account, as ``local start`` prints them."""
        return Shell(
            self.home,
            self.folder,
            {
                "AWS_ENDPOINT_URL": aws.endpoint_url,
                "AWS_REGION": identity.REGION,
                "AWS_ACCESS_KEY_ID": aws.key.access_key_id,
                "AWS_SECRET_ACCESS_KEY": aws.key.secret_access_key,
            },
        )


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store."""
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="session")
def running_aws(home: Path) -> Iterator[EmbeddedAws]:
    """The embedded AWS that runs in the store, on a free port."""
    aws = start(home, port=0)
    yield aws
    stop(home)


@pytest.fixture
def shell(home: Path, running_aws: EmbeddedAws, tmp_path: Path) -> Shell:
    """A shell in an empty folder; the embedded AWS runs."""
    return Shell(home, tmp_path)


def left_clones(aws: EmbeddedAws) -> list[str]:
    """Names of the temporary functions that are there."""
    functions = client(aws, "lambda").list_functions()["Functions"]
    return [row["FunctionName"] for row in functions if row["FunctionName"].startswith(CLONE_PREFIX)]


def json_of(result: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """What ``--json`` printed: the whole of standard output."""
    document = json.loads(result.stdout)
    assert isinstance(document, dict)
    return document
