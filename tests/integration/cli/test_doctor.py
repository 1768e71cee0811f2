"""``doctor`` on the embedded AWS, and on an account that it stands for."""

from __future__ import annotations

import json
import signal
import threading
from typing import Any

from tests.integration.cli.conftest import Shell, json_of, left_clones
from tuner.embedded.account import EmbeddedAws, client


def left_of_the_probe(aws: EmbeddedAws) -> list[str]:
    """Functions and objects that the probe left."""
    functions = [row["FunctionName"] for row in client(aws, "lambda").list_functions()["Functions"]]
    objects = client(aws, "s3").list_objects_v2(Bucket=aws.bucket).get("Contents", ())
    return [name for name in (*functions, *(row["Key"] for row in objects)) if "lambda-tuner-probe" in name]


def statuses(document: dict[str, Any]) -> dict[str, str]:
    """Each check's status by its name."""
    return {check["name"]: check["status"] for check in document["checks"]}


def test_the_doctor_finds_the_embedded_aws_well(shell: Shell, running_aws: EmbeddedAws) -> None:
    """Every check passes, what is not enforced there is not checked, the probe behaves as recorded and is gone."""
    result = shell.run("doctor", "--local", "--json")
    document = json_of(result)
    assert result.returncode == 0, (result.stdout, result.stderr)
    assert statuses(document) == {
        **dict.fromkeys(("Credentials", "Region", "Stack", "Version", "State machines", "Role policies"), "ok"),
        **dict.fromkeys(("States", "Errors", "Log records", "Step times", "Removal", "SDK in the functions"), "ok"),
        **dict.fromkeys(("Deployer's permissions", "Role permissions"), "not checked"),
        **dict.fromkeys(("Concurrency", "Code storage", "Memory cap"), "not checked"),
    }
    assert all(check["sentence"] for check in document["checks"])
    assert "123456789012" not in result.stdout
    assert document["calls"]["stepfunctions:StartExecution"] == 2
    assert left_of_the_probe(running_aws) == []


def test_the_doctor_without_a_terminal_starts_nothing(shell: Shell, running_aws: EmbeddedAws) -> None:
    """In an account the probe is asked about: where nobody can answer, it is not checked and says how to agree."""
    machines, nightly = client(running_aws, "stepfunctions"), running_aws.tune_arn.removesuffix("tune") + "nightly"
    here = machines.describe_state_machine(stateMachineArn=nightly)["definition"]
    deployed = json.loads(here)
    deployed["States"]["TuneFleet"]["MaxConcurrency"] = 3  # one at a time is the embedded AWS's own
    machines.update_state_machine(stateMachineArn=nightly, definition=json.dumps(deployed))
    try:
        result = shell.with_account(running_aws).run("doctor", "--json")
    finally:
        machines.update_state_machine(stateMachineArn=nightly, definition=here)
    document = json_of(result)
    assert result.returncode == 0, (result.stdout, result.stderr)
    [probe] = [check for check in document["checks"] if check["name"] == "Probe"]
    assert probe["status"] == "not checked"
    assert "USD" in probe["sentence"]
    assert "--yes" in probe["way_out"]
    assert statuses(document)["Concurrency"] == "ok"
    assert "stepfunctions:StartExecution" not in document["calls"]


def test_ctrl_c_removes_the_probe(shell: Shell, running_aws: EmbeddedAws) -> None:
    """Ctrl-C while the probe is tuned ends the run, removes everything, and the exit code is 130."""
    begun = shell.begin("doctor", "--local")
    tuned, lines = threading.Event(), list[str]()

    def read() -> None:
        assert begun.stderr is not None
        for line in begun.stderr:
            lines.append(line)
            if "Tuning the probe" in line:
                tuned.set()
        tuned.set()

    reader = threading.Thread(target=read)
    reader.start()
    try:
        assert tuned.wait(120)
        begun.send_signal(signal.SIGINT)
        code = begun.wait(200)
    finally:
        begun.kill()
        reader.join(20)
        output = begun.stdout.read() if begun.stdout else ""
        for stream in (begun.stdout, begun.stderr):
            if stream:
                stream.close()
    assert code == 130, (output, lines)
    assert "✓ Removal" in output
    assert left_of_the_probe(running_aws) == []
    assert left_clones(running_aws) == []
