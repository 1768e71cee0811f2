"""The whole application on the embedded AWS: real template, real state machine, real processes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.integration.application.conftest import Application, wait_for
from tuner.embedded.identity import state_machine_arn

SCHEMA = json.loads((Path(__file__).parents[3] / "docs/schema/report.schema.json").read_text())
SMALL: dict[str, Any] = {"memory": [256, 512, 1024, 1769], "budget": {"maxInvocations": 16}}

pytestmark = pytest.mark.usefixtures("nothing_left")


def configuration(application: Application, name: str) -> dict[str, Any]:
    """The function's configuration, without what belongs to the call."""
    answer = application.client("lambda").get_function_configuration(FunctionName=name)
    answer.pop("ResponseMetadata")
    return dict(answer)


def test_execution_by_arn_ends_with_a_report(application: Application) -> None:
    """An ARN goes in; out come a verdict, and a report in the bucket that fits the schema and the output."""
    arn = application.deploy("spin")
    before = configuration(application, "spin")
    execution = application.tune(lambdaARN=arn, goal={"percentile": 95, "limitMs": 2000}, **SMALL)
    assert execution["status"] == "SUCCEEDED", execution.get("cause")
    output = json.loads(execution["output"])
    jsonschema.validate(output, SCHEMA)
    report = application.report(output["runId"])
    jsonschema.validate(report, SCHEMA)
    assert {key: report[key] for key in output} == output
    assert output["verdict"] == "GOAL_MET"
    assert output["where"] == "local"
    assert output["current"]["memoryMb"] == 512
    assert output["recommended"]["memoryMb"] in {256, 512, 1024, 1769}
    assert 2 <= output["invocations"] <= 16
    assert report["restored"]["complete"]
    assert configuration(application, "spin") == before
    assert b"<html" in application.object(f"runs/{output['runId']}/report.html")
    assert b"spin" in application.object(f"runs/{output['runId']}/report.md")


def test_states_pass_in_the_documented_order(application: Application) -> None:
    """Plan, CopyCode, rounds of Suggest to Measure, Recommend, Restore, Report."""
    arn = application.deploy("spin")
    execution_arn = application.start(lambdaARN=arn, memory=[512], budget={"maxInvocations": 3})
    assert application.ended(execution_arn)["status"] == "SUCCEEDED"
    states = application.states_of(execution_arn)
    assert states[:3] == ["Plan", "CopyCode", "Suggest"]
    assert states[-3:] == ["Recommend", "Restore", "Report"]
    assert "CreateClones" in states
    assert "Measure" in states


def test_every_number_leads_to_a_log_line(application: Application) -> None:
    """The request id of an observation finds the REPORT line with the same duration in the clones' log group."""
    output = json.loads(application.tune(lambdaARN=application.deploy("spin"), memory=[512])["output"])
    row = application.report(output["runId"])["observations"][0]
    found = application.client("logs").filter_log_events(
        logGroupName="/lambda-tuner/clones", filterPattern=f'"{row["requestId"]}"'
    )
    lines = [event["message"] for event in found["events"] if event["message"].startswith("REPORT")]
    assert len(lines) == 1
    assert f"Duration: {row['durationMs']:.2f} ms" in lines[0]


def test_failing_payload_fails_after_one_invocation(application: Application) -> None:
    """FAILED, with the function's own error in the cause, one invocation spent and a report written."""
    arn = application.deploy("fails")
    execution = application.tune(lambdaARN=arn, payload={"customer": 1})
    assert execution["status"] == "FAILED"
    assert execution["error"] == "PayloadFailed"
    assert "KeyError" in execution["cause"]
    assert "no order in ['customer']" in execution["cause"]
    report = application.report(execution["name"])
    assert execution["cause"].splitlines()[-1] == f"Report: {report['report']['html']}"
    # A run without an account names files of this machine, and none that is not there.
    assert all(Path(place).is_file() for place in report["report"].values())
    jsonschema.validate(report, SCHEMA)
    assert report["error"]["name"] == "PayloadFailed"
    assert report["invocations"] == 1
    assert report["restored"]["complete"]


@pytest.mark.parametrize(
    ("request_fields", "error", "sentence"),
    [
        ({"lambdaARN": "missing"}, "FunctionNotFound", "no function missing in Region us-east-1"),
        (
            {"lambdaARN": "arn:aws:lambda:eu-west-1:123456789012:function:x"},
            "FunctionNotFound",
            "eu-west-1",
        ),
        ({"lambdaARN": "arn:aws:lambda:us-east-1:999999999999:function:x"}, "FunctionNotFound", "999999999999"),
        ({"lambdaARN": "arn:aws:lambda:us-east-1:123456789012:layer:x:1"}, "InvalidRequest", "layer"),
        ({"lambdaARN": "x", "goal": {"percentile": 0, "limitMs": -1}}, "InvalidRequest", "goal.percentile is 0"),
        ({"lambdaARN": "x", "budjet": {}}, "InvalidRequest", "budjet"),
        ({}, "InvalidRequest", "lambdaARN is missing"),
    ],
)
def test_bad_input_fails_with_a_sentence(
    application: Application, request_fields: dict[str, Any], error: str, sentence: str
) -> None:
    """Nothing is created or spent, and the cause says what is wrong."""
    execution = application.tune(**request_fields)
    assert (execution["status"], execution["error"]) == ("FAILED", error)
    assert sentence in execution["cause"]
    assert application.report(execution["name"])["error"]["name"] == error


def test_input_that_is_no_object_fails_with_a_sentence(application: Application) -> None:
    """Even a list as input ends in a sentence."""
    answer = application.client("stepfunctions").start_execution(
        stateMachineArn=application.aws.tune_arn, name="test-list-input", input="[1, 2]"
    )
    execution = application.ended(answer["executionArn"])
    assert (execution["status"], execution["error"]) == ("FAILED", "InvalidRequest")


def test_running_out_of_memory_is_a_fact_about_a_size(application: Application) -> None:
    """The run goes on; no size at or below the one that failed is recommended."""
    arn = application.deploy("greedy", memory_mb=512)
    execution = application.tune(lambdaARN=arn, memory=[128, 256, 512, 1024], budget={"maxInvocations": 20})
    assert execution["status"] == "SUCCEEDED", execution.get("cause")
    report = application.report(execution["name"])
    assert report["recommended"]["memoryMb"] >= 512
    tried = {row["memoryMb"] for row in report["observations"] if row["outcome"] == "out_of_memory"}
    infeasible = {row["memoryMb"] for row in report["configurations"] if row["infeasibleReason"]}
    assert tried <= infeasible
    assert {
        row["memoryMb"] for row in report["configurations"] if row["memoryMb"] <= max(tried, default=0)
    } <= infeasible


def test_goal_that_no_size_meets_is_a_verdict(application: Application) -> None:
    """SUCCEEDED with GOAL_NOT_MET and the best there is."""
    arn = application.deploy("slow")
    execution = application.tune(lambdaARN=arn, goal={"percentile": 95, "limitMs": 5}, **SMALL)
    assert execution["status"] == "SUCCEEDED", execution.get("cause")
    output = json.loads(execution["output"])
    assert output["verdict"] == "GOAL_NOT_MET"
    assert output["recommended"]["durationMs"]["p95"]["estimate"] > 5


def test_dry_run_invokes_once_and_estimates(application: Application) -> None:
    """Everything is checked, one invocation is made, and the most that a run would take is told."""
    output = json.loads(application.tune(lambdaARN=application.deploy("spin"), dryRun=True)["output"])
    jsonschema.validate(output, SCHEMA)
    assert output["verdict"] == "DRY_RUN"
    assert output["invocations"] == 1


def test_version_is_measured_as_it_is(application: Application) -> None:
    """A qualified ARN is cloned from exactly that version."""
    arn = application.deploy("spin", memory_mb=1024)
    version = application.client("lambda").publish_version(FunctionName="spin")["Version"]
    application.deploy("spin", memory_mb=512)
    output = json.loads(
        application.tune(lambdaARN=f"{arn}:{version}", memory=[1024], budget={"maxInvocations": 4})["output"]
    )
    assert output["current"]["memoryMb"] == 1024
    assert output["functionArn"].endswith(f":function:spin:{version}")


def test_stopped_execution_is_restored_by_its_status_event(application: Application) -> None:
    """StopExecution in the middle of measuring: the rule starts restore, nothing is left, the report says so."""
    arn = application.deploy("slow")
    execution_arn = application.start(lambdaARN=arn, payload={"s": 0.5}, memory=[256, 512, 1024])
    wait_for(lambda: application.clones() or application.has_ended(execution_arn))
    application.client("stepfunctions").stop_execution(executionArn=execution_arn)
    execution = application.ended(execution_arn)
    assert execution["status"] == "ABORTED"
    wait_for(lambda: application.has_object(f"runs/{execution['name']}/report.json"))
    report = application.report(execution["name"])
    assert report["error"]["name"] == "RunAborted"
    assert report["restored"]["remaining"] == []
    wait_for(lambda: not application.clones())


def test_stop_request_ends_the_run_with_what_is_known(application: Application) -> None:
    """``stop.json`` is seen at the next step; the run ends by itself with an answer."""
    arn = application.deploy("slow")
    execution_arn = application.start(
        lambdaARN=arn,
        payload={"s": 0.02, "jitter": 0.2},
        memory=[256, 512, 1024],
        goal={"percentile": 95, "limitMs": 210},  # so near to the truth that few invocations cannot decide it
    )
    run_id = execution_arn.rpartition(":")[2]
    second_round = f"runs/{run_id}/rounds/002.json"
    wait_for(lambda: application.has_object(second_round) or application.has_ended(execution_arn))
    application.client("s3").put_object(Bucket=application.aws.bucket, Key=f"runs/{run_id}/stop.json", Body=b"{}")
    execution = application.ended(execution_arn)
    assert execution["status"] == "SUCCEEDED", execution.get("cause")
    assert "asked" in json.loads(execution["output"])["stoppedBecause"]


def test_sweeper_removes_what_outlived_its_run(application: Application) -> None:
    """A temporary function whose time is over is removed through restore, and by itself where its run is unknown."""
    functions = application.client("lambda")
    arn = application.deploy("spin")
    template = functions.get_function_configuration(FunctionName=arn)
    overdue = "lambda-tuner-clone-000000000000-128-x86"
    application.deploy("spin")
    code = functions.get_function(FunctionName="spin")["Configuration"]
    assert code["CodeSha256"] == template["CodeSha256"]
    clone_settings = {
        "Role": template["Role"],
        "Runtime": template["Runtime"],
        "Handler": template["Handler"],
        "Code": {"ZipFile": _empty_zip()},
        "LoggingConfig": {"LogGroup": "/lambda-tuner/clones"},
    }
    functions.create_function(
        FunctionName=overdue, Tags={"lambda-tuner:expires": "2020-01-01T00:00:00+00:00"}, **clone_settings
    )
    answer = functions.invoke(FunctionName="lambda-tuner-sweep", Payload=b"{}")
    swept = json.loads(answer["Payload"].read())
    assert overdue in swept["removed"]
    assert application.clones() == []


def _empty_zip() -> bytes:
    import io
    import zipfile

    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        archive.writestr("spin.py", "def handler(event, context): pass\n")
    return body.getvalue()


def test_night_tunes_what_is_tagged_and_one_failure_is_nobody_elses(application: Application) -> None:
    """Tagged functions are tuned with their own goal and payload; the digest tells success, failure and omission."""
    application.client("s3").put_object(Bucket=application.aws.bucket, Key="payloads/event.json", Body=b'{"s": 0.01}')
    payload = f"s3://{application.aws.bucket}/payloads/event.json"
    enabled = {"lambda-tuner": "enabled", "lambda-tuner:payload": payload}
    application.deploy("spin", tags={**enabled, "lambda-tuner:goal": "p95=3s"})
    application.deploy("fails", tags=enabled)
    application.deploy("slow", tags={"lambda-tuner": "enabled"})
    answer = application.client("stepfunctions").start_execution(
        stateMachineArn=state_machine_arn("nightly"), name="test-night", input="{}"
    )
    execution = wait_for(lambda: _if_ended(application, answer["executionArn"]), within_s=280)
    assert execution["status"] == "SUCCEEDED", execution.get("cause")
    output = json.loads(execution["output"])
    assert (output["tuned"], output["failed"], output["skipped"]) == (1, 1, 1)
    digest = json.loads(application.object(output["key"].replace(".html", ".json")))
    failed = next(row for row in digest["functions"] if row.get("error"))
    assert failed["error"] == "PayloadFailed"
    assert "lambda-tuner:payload" in digest["skipped"][0]["reason"]
    assert b"fails" in application.object(output["key"])


def _if_ended(application: Application, execution_arn: str) -> dict[str, Any] | None:
    execution = application.describe(execution_arn)
    return None if execution["status"] == "RUNNING" else execution
