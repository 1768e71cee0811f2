"""``local start``, ``status``, ``stop`` and ``uninstall``, each with an embedded AWS of its own."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import boto3
import psutil
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
        assert "is already running" in again.stderr
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
        assert "there is nothing of Lambda Tuner" in shell.run("uninstall", "--yes").stdout
        after = shell.run("tune", "f", "--yes")
        assert after.returncode == 4
        assert "sam deploy" in after.stderr


def begin_try(shell: Shell) -> tuple[subprocess.Popen[str], str, psutil.Process]:
    """Begin to tune a handler; gives the command, the run's id once it has started, and the server's process."""
    (shell.folder / "app.py").write_text("def handler(event, context): return sum(range(20000))\n", encoding="utf-8")
    command = shell.begin("try", "app.py:handler", "--goal", "p95=300ms")
    assert command.stderr is not None
    started = next(line for line in command.stderr if line.startswith("Started run "))
    children = psutil.Process(command.pid).children()
    server = next(child for child in children if "tuner.embedded.server" in child.cmdline())
    return command, started.split()[2].rstrip(":"), server


def test_a_killed_embedded_aws_is_said_to_be_dead(lonely_shell: Shell) -> None:
    """The command ends and says that the run did too; ``report`` says what is known of it."""
    command, run_id, server = begin_try(lonely_shell)
    server.kill()
    _, said = command.communicate(timeout=60)
    assert command.returncode == 4
    assert f"The embedded AWS has ended, and the run {run_id} with it" in said
    assert "goes on" not in said
    report = lonely_shell.run("report", run_id)
    assert report.returncode == 2
    assert "the embedded AWS ended before it did" in " ".join(report.stderr.split())


@pytest.mark.skipif(not Path("/proc/sys").is_dir(), reason="needs a folder that nobody can write to")
def test_a_disk_that_takes_nothing_fails_the_run(lonely_shell: Shell) -> None:
    """One sentence names the folder, the exit code is no success, and no path is printed that does not exist."""
    command, _, _ = begin_try(lonely_shell)
    runs = lonely_shell.home / "bucket" / "runs"
    runs.rename(runs.with_name("away"))
    runs.symlink_to("/proc/sys")
    out, said = command.communicate(timeout=60)
    assert (command.returncode, out) == (4, "")
    assert f"because the folder {lonely_shell.home / 'bucket'} cannot be written to" in said
    assert "report.html" not in said
    assert "Report:" not in said


@pytest.mark.parametrize("words", [("local", "start"), ("demo",), ("tune", "example-io-wait", "--local")])
def test_a_home_that_cannot_be_written_is_said(tmp_path: Path, words: tuple[str, ...]) -> None:
    """Before anything is started, with the reason and the way out."""
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    result = Shell(tmp_path / "file" / "home", tmp_path).run(*words)
    assert result.returncode == 4
    assert "cannot be written to: Not a directory" in " ".join(result.stderr.split())
    assert "LAMBDA_TUNER_HOME" in result.stderr
    assert "Traceback" not in result.stderr
