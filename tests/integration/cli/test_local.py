"""``local start``, ``status``, ``stop`` and ``uninstall``, each with an embedded AWS of its own."""

from __future__ import annotations

import socket
from pathlib import Path

import boto3
import pytest

from tests.integration.cli.conftest import Shell, json_of
from tuner.embedded.account import embedded_aws


@pytest.fixture
def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def lonely_shell(tmp_path: Path) -> Shell:
    """A shell whose store has no embedded AWS running."""
    (tmp_path / "work").mkdir()
    return Shell(tmp_path / "store", tmp_path / "work")


def test_an_aws_that_stays(lonely_shell: Shell, free_port: int) -> None:
    """It starts once, prints what clients need, has the examples, keeps its bucket, and stops."""
    shell = lonely_shell
    try:
        started = shell.run("local", "start", "--port", str(free_port))
        assert started.returncode == 0, started.stderr
        lines = started.stdout.splitlines()
        assert all(line.startswith(("export ", "unset ")) for line in lines)
        words = {word.partition("=")[0]: word.partition("=")[2] for line in lines for word in line.split()[1:]}
        session = boto3.Session(
            aws_access_key_id=words["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=words["AWS_SECRET_ACCESS_KEY"],
            region_name=words["AWS_REGION"],
        )
        functions = session.client("lambda", endpoint_url=words["AWS_ENDPOINT_URL"]).list_functions()["Functions"]
        assert {"lambda-tuner-plan", "example-io-wait", "example-image-resize"} <= {
            row["FunctionName"] for row in functions
        }
        again = shell.run("local", "start", "--port", str(free_port))
        assert again.returncode == 0
        assert "runs already" in again.stderr
        assert again.stdout == started.stdout
        status = json_of(shell.run("local", "status", "--json"))
        assert (status["running"], status["endpointUrl"]) == (True, words["AWS_ENDPOINT_URL"])
        session.client("s3", endpoint_url=words["AWS_ENDPOINT_URL"]).put_object(
            Bucket="lambda-tuner-artifacts-123456789012-us-east-1", Key="kept.txt", Body=b"kept"
        )
    finally:
        stopped = shell.run("local", "stop")
    assert stopped.stdout == "Stopped.\n"
    assert (shell.home / "bucket" / "kept.txt").read_bytes() == b"kept"
    assert json_of(shell.run("local", "status", "--json"))["running"] is False
    assert "not running" in shell.run("local", "stop").stdout


def test_a_temporary_aws_ends_with_its_command(lonely_shell: Shell) -> None:
    """Without a running one, tune --local starts its own and offers the examples."""
    result = lonely_shell.run("tune", "example-compression", "--local", "--dry-run", "--json")
    assert json_of(result)["verdict"] == "DRY_RUN", result.stderr
    assert json_of(lonely_shell.run("local", "status", "--json"))["running"] is False
    unknown = lonely_shell.run("tune", "mine", "--local")
    assert unknown.returncode == 4
    assert "example-io-wait" in unknown.stderr


def test_uninstalling_leaves_nothing(lonely_shell: Shell) -> None:
    """It shows what there is, takes --yes without a terminal, removes all, and finds nothing the second time."""
    with embedded_aws(home=lonely_shell.home) as aws:
        shell = lonely_shell.with_account(aws)
        refused = shell.run("uninstall")
        assert refused.returncode == 2
        assert "stack lambda-tuner" in refused.stderr
        assert "Nothing was removed" in refused.stderr
        removed = shell.run("uninstall", "--yes")
        assert removed.returncode == 0, removed.stderr
        assert "Nothing of Lambda Tuner is left" in removed.stdout
        assert "There is nothing of Lambda Tuner" in shell.run("uninstall", "--yes").stdout
        after = shell.run("tune", "f", "--yes")
        assert after.returncode == 4
        assert "sam deploy" in after.stderr
