"""Measuring on the embedded AWS: processors, cold starts, and what the report tells of them."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from tests.integration.application.conftest import Application

SCHEMA = json.loads((Path(__file__).parents[3] / "docs/schema/report.schema.json").read_text())

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
