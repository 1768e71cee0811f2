"""Measuring on the embedded AWS: processors, cold starts, and what the report tells of them."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from statistics import median

import jsonschema
import pytest

from tests.integration.application.conftest import Application, wait_for

SCHEMA = json.loads((Path(__file__).parents[3] / "docs/schema/report.schema.json").read_text())

NO_HOOKS = "comes with AWS's runtime client, which is for Linux"

pytestmark = pytest.mark.usefixtures("nothing_left")


def test_a_listed_processor_runs_before_each_invocation(application: Application) -> None:
    """The function would fail on the event as it is; what the processor returns is what it gets."""
    arn, before = application.deploy("prepared"), application.deploy("before", memory_mb=256)
    execution = application.tune(
        lambdaARN=arn, preProcessorARN=before, memory=[512, 1024], budget={"maxInvocations": 6}
    )
    assert execution["status"] == "SUCCEEDED", execution.get("cause")
    report = application.report(json.loads(execution["output"])["runId"])
    assert {row["outcome"] for row in report["observations"]} == {"ok"}


def test_a_processor_that_fails_ends_the_run(application: Application) -> None:
    """With an error of its own name, and everything removed."""
    arn, before = application.deploy("prepared"), application.deploy("before", memory_mb=256)
    execution = application.tune(
        lambdaARN=arn, preProcessorARN=before, payload={"broken": True}, memory=[512], budget={"maxInvocations": 3}
    )
    assert (execution["status"], execution["error"]) == ("FAILED", "ProcessorFailed")
    assert "KeyError" in execution["cause"]


def test_a_processor_that_is_not_listed_is_refused(application: Application) -> None:
    """An input is not a permission: the sentence names the template's parameter."""
    arn = application.deploy("prepared")
    execution = application.tune(lambdaARN=arn, postProcessorARN=application.deploy("spin"))
    assert (execution["status"], execution["error"]) == ("FAILED", "InvalidRequest")
    assert "ProcessorFunctions" in execution["cause"]


def test_cold_starts_are_measured_and_shown_apart(application: Application) -> None:
    """Two new environments at each of the two sizes at least, from real processes with a real init."""
    arn = application.deploy("spin")
    execution = application.tune(lambdaARN=arn, memory=[512, 1024], coldStarts=2, budget={"maxInvocations": 14})
    assert execution["status"] == "SUCCEEDED", execution.get("cause")
    output = json.loads(execution["output"])
    report = application.report(output["runId"])
    jsonschema.validate(report, SCHEMA)
    assert output["coldStarts"] == report["coldStarts"]
    assert {row["memoryMb"] for row in output["coldStarts"]} == {512, output["recommended"]["memoryMb"]}
    for row in output["coldStarts"]:
        assert row["count"] >= 2
        assert 0 < row["initMs"]["p50"] <= row["initMs"]["max"]
    assert output["invocations"] <= 14


def test_copies_with_snapstart_are_published_and_restored(application: Application) -> None:
    """On request: each version's init is made before it is invoked, every cold start is a restore, and both cost."""
    pytest.importorskip("snapshot_restore_py", reason=NO_HOOKS)
    arn = application.deploy("restored")
    application.client("lambda").update_function_configuration(
        FunctionName=arn, SnapStart={"ApplyOn": "PublishedVersions"}
    )
    execution = application.tune(
        lambdaARN=arn,
        snapStart=True,
        coldStarts=2,
        parallelInvocation=False,
        memory=[512, 1024],
        warmStart=False,
        budget={"maxInvocations": 14},
    )
    assert execution["status"] == "SUCCEEDED", execution.get("cause")
    report = application.report(json.loads(execution["output"])["runId"])
    jsonschema.validate(report, SCHEMA)
    cold = [row for row in report["observations"] if row["cold"]]
    # The init sleeps for a second; a restore wakes a process that is there, and runs its hook of 50 ms.
    assert all(50 <= row["initMs"] < 900 for row in cold)
    assert all(row["billedMs"] >= row["durationMs"] + 50 for row in cold)
    assert report["snapStart"]["restores"] == len(cold)
    assert report["snapStart"]["copies"] == len(cold)
    assert report["spentUsd"] > report["snapStart"]["feesUsd"] > len(cold) * 0.5 * 0.016
    assert all(row["count"] >= 2 and row["initMs"]["p50"] < 900 for row in report["coldStarts"])
    assert report["restored"]["complete"]


def test_snapshot_that_cannot_be_taken_ends_the_run(application: Application) -> None:
    """With the function's own reason, and everything removed; without SnapStart the field is refused."""
    pytest.importorskip("snapshot_restore_py", reason=NO_HOOKS)
    arn = application.deploy("restored", environment={"BROKEN": "1"})
    refused = application.tune(lambdaARN=application.deploy("spin"), snapStart=True)
    assert (refused["status"], refused["error"]) == ("FAILED", "InvalidRequest")
    application.client("lambda").update_function_configuration(
        FunctionName=arn, SnapStart={"ApplyOn": "PublishedVersions"}
    )
    execution = application.tune(lambdaARN=arn, snapStart=True, memory=[512])
    assert (execution["status"], execution["error"]) == ("FAILED", "CloneFailed")
    assert "Function initialization error: RuntimeError: BROKEN is set" in execution["cause"]


def test_abort_while_a_version_is_published_leaves_nothing(application: Application) -> None:
    """A clone that cannot be deleted while its snapshot is taken is deleted afterwards."""
    pytest.importorskip("snapshot_restore_py", reason=NO_HOOKS)
    arn = application.deploy("restored", environment={"INIT_S": "6"})
    functions = application.client("lambda")
    functions.update_function_configuration(FunctionName=arn, SnapStart={"ApplyOn": "PublishedVersions"})
    execution = application.start(lambdaARN=arn, snapStart=True, memory=[512])
    (name,) = wait_for(application.clones)
    assert functions.get_function_configuration(FunctionName=name, Qualifier="1")["State"] == "Pending"
    application.client("stepfunctions").stop_execution(executionArn=execution)
    run_id = execution.rpartition(":")[2]
    wait_for(lambda: application.has_object(f"runs/{run_id}/report.json"))
    report = application.report(run_id)
    jsonschema.validate(report, SCHEMA)
    assert report["error"]["name"] == "RunAborted"
    assert report["restored"]["removed"] == [name]
    assert report["restored"]["complete"]
    assert report["snapStart"] == {"copies": 1, "restores": 0, "feesUsd": report["spentUsd"]}


def test_unready_copies_and_lost_answers_are_measured_and_nothing_is_traced(application: Application) -> None:
    """Clones that refuse at first, connections that are cut, active tracing: every invocation has its own record.

    The function fails where a trace is sampled.
    """
    arn = application.deploy(
        "moody",
        environment={"LAMBDA_TUNER_LOCAL_NOT_READY": "ENINotReadyException", "LAMBDA_TUNER_LOCAL_IDLE_S": "0.5"},
    )
    application.client("lambda").update_function_configuration(FunctionName=arn, TracingConfig={"Mode": "Active"})
    execution = application.tune(lambdaARN=arn, memory=[512], warmStart=False, budget={"maxInvocations": 4})
    assert execution["status"] == "SUCCEEDED", execution.get("cause")
    rows = application.report(json.loads(execution["output"])["runId"])["observations"]
    assert {row["outcome"] for row in rows} == {"ok"}
    assert all(row["source"] == "logs" for row in rows if row["durationMs"] > 600)
    assert any(row["source"] == "logs" for row in rows)
    assert len({row["requestId"] for row in rows}) == len(rows)


def test_cpu_times_are_observed_where_they_are_asked_for(application: Application) -> None:
    """Each invocation has one, from its own record, and the ratio to the duration follows the share of a vCPU."""
    arn = application.deploy("spin")
    execution = application.tune(
        lambdaARN=arn, cpuTime=True, memory=[256, 1769], warmStart=False, budget={"maxInvocations": 16}
    )
    assert execution["status"] == "SUCCEEDED", execution.get("cause")
    run_id = json.loads(execution["output"])["runId"]
    report = application.report(run_id)
    jsonschema.validate(report, SCHEMA)
    rows = report["observations"]
    assert all(row["cpuMs"] >= 12 and row["threadCount"] >= 1 for row in rows)
    for memory_mb in {row["memoryMb"] for row in rows}:
        ratios = [row["cpuMs"] / row["durationMs"] for row in rows if row["memoryMb"] == memory_mb and not row["cold"]]
        # One thread computes all the time; the quota of the first 20 ms, and of the last, is not held back.
        assert median(ratios) <= 1.1 * min(1.0, 2.5 * memory_mb / 1769)
    assert any("CPU time" in assumption for assumption in report["assumptions"])


def test_records_have_no_cpu_time_unasked(application: Application) -> None:
    """Neither a run that did not ask for it, nor the function itself, has a field that AWS's records lack."""
    arn = application.deploy("spin")
    execution = application.tune(lambdaARN=arn, memory=[512], budget={"maxInvocations": 4})
    assert execution["status"] == "SUCCEEDED", execution.get("cause")
    rows = application.report(json.loads(execution["output"])["runId"])["observations"]
    assert all("cpuMs" not in row and "threadCount" not in row for row in rows)
    tail = application.client("lambda").invoke(FunctionName=arn, LogType="Tail")["LogResult"]
    assert b"REPORT" in base64.b64decode(tail)
    assert b"CPU" not in base64.b64decode(tail)
