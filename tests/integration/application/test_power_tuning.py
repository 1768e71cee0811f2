"""An input of AWS Lambda Power Tuning on the whole application, started and read as its own script does."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.integration.application.conftest import Application, wait_for
from tuner.core.money.pricing import transition_price_usd
from tuner.embedded.account import export_lines

SCHEMA = json.loads((Path(__file__).parents[3] / "docs/schema/report.schema.json").read_text())
AWS = shutil.which("aws")

pytestmark = pytest.mark.usefixtures("nothing_left")


def power_tuning_input(arn: str, **fields: Any) -> dict[str, Any]:
    """An input as its documentation shows it, small enough for a test."""
    return {
        "lambdaARN": arn,
        "powerValues": [256, 512, 1024],
        "num": 5,
        "payload": {},
        "parallelInvocation": False,
        "strategy": "cost",
        **fields,
    }


def test_a_genuine_input_gives_its_output_beside_ours(application: Application) -> None:
    """Exactly num invocations at each size, its fields at the top level, and each number true."""
    arn = application.deploy("spin")
    execution_arn = application.start(
        **power_tuning_input(
            arn,
            payload="{}",
            strategy="speed",
            autoOptimize=False,
            discardTopBottom=0.2,
            sleepBetweenRunsMs=1,
            disablePayloadLogs=True,
            includeOutputResults=True,
        )
    )
    execution = application.ended(execution_arn)
    assert execution["status"] == "SUCCEEDED", execution.get("cause")
    output = json.loads(execution["output"])
    jsonschema.validate(output, SCHEMA)
    report = application.report(output["runId"])
    jsonschema.validate(report, SCHEMA)
    assert Counter(row["memoryMb"] for row in report["observations"]) == {256: 5, 512: 5, 1024: 5}
    assert output["power"] == output["recommended"]["memoryMb"] == 1024
    assert [row["value"] for row in output["stats"]] == [256, 512, 1024]
    chosen = output["stats"][-1]
    assert (output["cost"], output["duration"]) == (chosen["averagePrice"], chosen["averageDuration"])
    warm_ms = [
        row["durationMs"]
        for row in report["observations"]
        if row["memoryMb"] == 1024 and row["outcome"] == "ok" and not row["cold"]
    ]
    assert output["duration"] == pytest.approx(sum(warm_ms) / len(warm_ms))
    assert output["stateMachine"]["lambdaCost"] == pytest.approx(output["spentUsd"])
    transitions = len(application.states_of(execution_arn))
    assert output["stateMachine"]["executionCost"] == pytest.approx(
        transitions * transition_price_usd(application.aws.region)
    )
    assert [note.split(":")[0] for note in output["notes"]] == ["discardTopBottom"]
    assert report["restored"]["complete"]


def test_a_size_that_runs_out_of_memory_is_a_fact(application: Application) -> None:
    """Even today's size: the others are measured as asked, and the run succeeds."""
    arn = application.deploy("greedy", memory_mb=128)
    execution = application.tune(**power_tuning_input(arn, powerValues=[128, 512, 1024], num=3))
    assert execution["status"] == "SUCCEEDED", execution.get("cause")
    output = json.loads(execution["output"])
    counts = Counter(row["memoryMb"] for row in application.report(output["runId"])["observations"])
    assert counts == {128: 1, 512: 3, 1024: 3}
    assert output["power"] in (512, 1024)
    (note,) = output["notes"]
    assert note.endswith("was invoked 1 of 3 times: ran out of memory.")


def test_an_error_that_is_allowed_is_measured(application: Application) -> None:
    """The function ends in an error of its own every time, and is tuned all the same."""
    arn = application.deploy("fails")
    execution = application.tune(
        **power_tuning_input(
            arn, powerValues=[256, 512], num=3, payload={"customer": 1}, allowedExceptions=["KeyError"]
        )
    )
    assert execution["status"] == "SUCCEEDED", execution.get("cause")
    report = application.report(execution["name"])
    assert {(row["outcome"], row["errorType"]) for row in report["observations"]} == {("ok", "KeyError")}


def test_applying_is_refused_with_a_sentence(application: Application) -> None:
    """Nothing is created or spent."""
    arn = application.deploy("spin")
    execution = application.tune(**power_tuning_input(arn, autoOptimize=True, autoOptimizeAlias="prod"))
    assert (execution["status"], execution["error"]) == ("FAILED", "InvalidRequest")
    assert "autoOptimize is not supported: no run changes the function" in execution["cause"]


def test_its_script_finds_starts_and_reads_the_machine(application: Application) -> None:
    """By a part of the machine's name, or by the stack's output; then until the status is not RUNNING any more."""
    states = application.client("stepfunctions")
    names = [row for row in states.list_state_machines()["stateMachines"] if "lambda-tuner-tune" in row["name"]]
    stack = application.client("cloudformation").describe_stacks(StackName="lambda-tuner")["Stacks"][0]
    (by_output,) = [row["OutputValue"] for row in stack["Outputs"] if row["OutputKey"] == "StateMachineARN"]
    assert [row["stateMachineArn"] for row in names] == [by_output] == [application.aws.tune_arn]
    request = json.dumps(power_tuning_input(application.deploy("spin"), powerValues=[512], num=2))
    execution_arn = states.start_execution(stateMachineArn=by_output, input=request)["executionArn"]
    wait_for(lambda: states.describe_execution(executionArn=execution_arn)["status"] != "RUNNING")
    described = states.describe_execution(executionArn=execution_arn)
    assert described["status"] == "SUCCEEDED", described.get("cause")
    assert json.loads(described["output"])["power"] == 512


@pytest.mark.skipif(AWS is None, reason="there is no AWS CLI on this machine")
def test_the_aws_cli_does_the_same(application: Application) -> None:
    """The calls of its script, with the same queries, as they are typed."""
    words = shlex.split(" ".join(export_lines(application.aws)))
    environment = {**os.environ, **dict(word.split("=", 1) for word in words if "=" in word)}

    def aws(*arguments: str) -> str:
        assert AWS is not None
        ended = subprocess.run(
            [AWS, *arguments, "--output", "text"], env=environment, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.strip()

    by_name = "stateMachines[?contains(name,`lambda-tuner-tune`)]|[0].stateMachineArn"
    machine = aws("stepfunctions", "list-state-machines", "--query", by_name)
    by_output = "Stacks[0].Outputs[?OutputKey==`StateMachineARN`].OutputValue"
    assert machine == aws("cloudformation", "describe-stacks", "--stack-name", "lambda-tuner", "--query", by_output)
    request = json.dumps(power_tuning_input(application.deploy("spin"), powerValues=[512], num=2))
    start = ("stepfunctions", "start-execution", "--state-machine-arn", machine, "--input", request)
    execution = aws(*start, "--query", "executionArn")
    describe = ("stepfunctions", "describe-execution", "--execution-arn", execution, "--query")
    wait_for(lambda: aws(*describe, "status") != "RUNNING")
    assert aws(*describe, "status") == "SUCCEEDED"
    assert json.loads(aws(*describe, "output"))["power"] == 512
