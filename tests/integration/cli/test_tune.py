"""``tune``, ``demo``, ``report`` and ``list``: runs on the embedded AWS, and on an account that it stands for."""

from __future__ import annotations

import json
import signal
import subprocess
import threading

import pytest

from tests.integration.cli.conftest import Shell, json_of, left_clones
from tuner.embedded.account import EmbeddedAws, client


def test_the_demo_explains_itself_and_leaves_a_report(shell: Shell) -> None:
    """The demo says what it does, shows the states, gives a verdict, and says where the report is."""
    result = shell.run("demo", "--example", "io-wait")
    assert result.returncode == 0, result.stderr
    for words in ("Today it has 1,024 MB", "p95 ≤ 300 ms", "Plan", "Measure", "Restore", "What this example shows"):
        assert words in result.stderr
    report = json.loads((shell.folder / "out" / "demo" / "report.json").read_text(encoding="utf-8"))
    assert report["function"]["name"] == "example-io-wait"
    assert "out/demo/report.html" in result.stdout
    assert (shell.folder / "out" / "demo" / "report.html").is_file()


def test_a_local_run_is_listed_and_shown_again(shell: Shell) -> None:
    """A run in the store is listed and shown again without an account, with its own exit code."""
    result = shell.run(
        "tune", "example-compression", "--local", "--sizes", "512,1024", "--max-invocations", "5", "--json"
    )
    output = json_of(result)
    assert output["verdict"] in {"NO_GOAL", "UNCERTAIN"}, result.stderr
    rows = json_of(shell.run("list", "--json"))["runs"]
    assert output["runId"] in {row["runId"] for row in rows}
    again = shell.run("report", output["runId"], "--json")
    assert again.returncode == result.returncode
    assert json_of(again)["runId"] == output["runId"]


def test_a_check_ends_in_a_change(shell: Shell) -> None:
    """A check tells what it found by its exit code, the run's page has a path, and patch writes the size down."""
    result = shell.run(
        "check", "example-io-wait", "--local", "--sizes", "512,1024", "--max-invocations", "10", "--goal", "p50=5s",
        "--confidence", "0.5", "--max-cost-per-million", "0.01", "--quiet",
    )  # fmt: skip
    assert result.returncode == 12, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].startswith("Goal met: ")
    assert [line for line in lines[1:] if "above the limit of $0.01" in line]
    assert result.stderr == ""
    page = shell.run("open", "latest", "--print-path").stdout.strip()
    assert page.endswith("report.html")
    document = json_of(shell.run("report", "latest", "--json"))
    assert (document["traffic"], document["monthly"]) == (None, None)
    assert [line for line in document["assumptions"] if "CloudWatch has recorded no invocation" in line]
    template = shell.folder / "template.yaml"
    text = "Resources:\n  Waiter:\n    Type: AWS::Lambda::Function\n    Properties:\n      MemorySize: 3008 # now\n"
    template.write_text(text, encoding="utf-8")
    patched = shell.run("patch", document["runId"], "--file", "template.yaml", "--function", "Waiter", "--json")
    changes = json_of(patched)["changes"]
    assert template.read_text(encoding="utf-8") == text.replace("3008", changes[0]["after"])


def test_an_account_is_asked_about_first(shell: Shell, running_aws: EmbeddedAws) -> None:
    """Against an account nothing starts unasked: without a terminal it takes --yes."""
    result = shell.with_account(running_aws).run("tune", "example-compression")
    assert result.returncode == 2
    for words in ("up to 50 times", "real side effects", "$1.00", "60 minutes", "--yes"):
        assert words in result.stderr


def test_a_run_in_an_account(shell: Shell, running_aws: EmbeddedAws) -> None:
    """With --yes the run starts in the account; report and list with a Region read its bucket."""
    account = shell.with_account(running_aws)
    result = account.run("tune", "nope", "--yes", "--json")
    failure = json_of(result)
    assert (result.returncode, failure["error"]["name"]) == (4, "FunctionNotFound"), result.stderr
    assert failure["runId"]
    rows = json_of(account.run("list", "--region", running_aws.region, "--json"))["runs"]
    assert failure["runId"] in {row["runId"] for row in rows}
    assert account.run("report", failure["runId"], "--region", running_aws.region).returncode == 4


def test_an_account_without_the_application(shell: Shell, running_aws: EmbeddedAws) -> None:
    """Where nothing is deployed, the error says how to deploy it."""
    result = shell.with_account(running_aws).run("tune", "f", "--yes", "--stack", "other")
    assert result.returncode == 4
    assert "sam build && sam deploy" in result.stderr
    assert "--stack-name other" in result.stderr


def test_a_large_payload_goes_through_the_bucket(shell: Shell, running_aws: EmbeddedAws) -> None:
    """An event too large for an execution's input is passed by its address."""
    (shell.folder / "large.json").write_text(json.dumps({"level": 1, "text": "x" * 400_000}), encoding="utf-8")
    result = shell.run("tune", "example-compression", "--local", "--payload", "large.json", "--dry-run", "--json")
    output = json_of(result)
    assert output["verdict"] == "DRY_RUN", result.stderr
    keys = client(running_aws, "s3").list_objects_v2(
        Bucket=running_aws.bucket, Prefix=f"runs/{output['runId']}/payload"
    )
    assert keys["KeyCount"] >= 1


@pytest.mark.parametrize("presses", [1, 2])
def test_ctrl_c_leaves_nothing_behind(shell: Shell, running_aws: EmbeddedAws, presses: int) -> None:
    """One Ctrl-C lets the run end by itself, two stop it; either way the exit code is 130 and no clone is left."""
    begun = shell.begin("tune", "example-json-transform", "--local", "--goal", "p95=500ms", "--json")
    lines: list[str] = []
    measuring, answered = threading.Event(), threading.Event()

    def read() -> None:
        assert begun.stderr is not None
        for line in begun.stderr:
            lines.append(line)
            if "round" in line:
                measuring.set()
            if "Asked the run to end" in line:
                answered.set()
        measuring.set()
        answered.set()

    reader = threading.Thread(target=read)
    reader.start()
    try:
        assert measuring.wait(120)
        begun.send_signal(signal.SIGINT)
        if presses == 2:
            assert answered.wait(120)
            begun.send_signal(signal.SIGINT)
        code = begun.wait(200)
    finally:
        begun.kill()
        reader.join(20)
        output = begun.stdout.read() if begun.stdout else ""
        for stream in (begun.stdout, begun.stderr):
            if stream:
                stream.close()
    assert code == 130, "".join(lines)
    assert json.loads(output)["runId"]
    assert left_clones(running_aws) == []
    if presses == 2:
        assert any("Everything that the run made has been removed" in line for line in lines), "".join(lines)


def test_two_commands_for_one_function_follow_each_other(shell: Shell) -> None:
    """The second says that it waits, and starts from what the first found out."""
    words = ("tune", "example-two-threads", "--local", "--sizes", "512,1024", "--max-invocations", "4", "--json")
    first = shell.begin(*words)
    assert first.stderr is not None
    assert "Using the embedded AWS" in first.stderr.readline()
    second = shell.run(*words)
    first_out, _ = first.communicate(timeout=120)
    assert "Another command on this machine is tuning example-two-threads; waiting until it ends." in second.stderr
    assert json.loads(first_out)["runId"] != json_of(second)["runId"]
    studies = list((shell.home / "bucket").rglob("functions/example-two-threads/study-*.log"))
    assert [json.loads(first_out)["runId"] in study.read_text(encoding="utf-8") for study in studies] == [True]
    assert json_of(second)["runId"] in studies[0].read_text(encoding="utf-8")


def test_one_word_on_the_wrong_side_is_a_usage_error(shell: Shell) -> None:
    """An unknown flag is refused with exit code 2 by the command's own parser."""
    result: subprocess.CompletedProcess[str] = shell.run("tune", "f", "--nonsense")
    assert result.returncode == 2
    assert result.stdout == ""
