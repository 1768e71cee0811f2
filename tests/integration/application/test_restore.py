"""What whoever may start ``restore`` can say of a run, and what becomes of it."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from tests.integration.application.conftest import Application

pytestmark = pytest.mark.usefixtures("nothing_left")


def start_restore(application: Application, event: Any) -> str:
    """Start an execution of ``restore``; gives its ARN."""
    answer = application.client("stepfunctions").start_execution(
        stateMachineArn=application.aws.restore_arn, input=json.dumps(event)
    )
    return str(answer["executionArn"])


def test_a_run_that_never_was_is_not_found_and_nothing_is_written(application: Application) -> None:
    """A typo, and everything that is no run's id: FAILED with a sentence, and the bucket is as it was."""

    def keys() -> set[str]:
        pages = application.client("s3").get_paginator("list_objects_v2").paginate(Bucket=application.aws.bucket)
        return {row["Key"] for page in pages for row in page.get("Contents", ())}

    before = keys()
    failure = {"name": "PayloadFailed", "cause": "Your account was suspended."}
    ended = [
        application.ended(arn)
        for arn in [
            start_restore(application, {**event, "status": "FAILED", "failure": failure})
            for event in ({"runId": "nope"}, {"runId": "../../index/x"}, {"runId": 5}, {})
        ]
    ]
    assert [(one["status"], one["error"]) for one in ended] == [("FAILED", "RunNotFound")] * 4
    assert all(one["cause"].startswith("There is no run of this id") for one in ended)
    assert keys() == before


def test_a_good_answer_is_not_talked_away(application: Application) -> None:
    """An execution that succeeded keeps its answer; its name may be anything that Step Functions takes."""
    arn = application.deploy("spin")
    name = f"it's(me)!{uuid.uuid4().hex[:6]}"
    execution = application.client("stepfunctions").start_execution(
        stateMachineArn=application.aws.tune_arn,
        name=name,
        input=json.dumps({"lambdaARN": arn, "memory": [512], "budget": {"maxInvocations": 3}}),
    )["executionArn"]
    ended = application.ended(execution)
    assert ended["status"] == "SUCCEEDED", ended.get("cause")
    forged = {"runId": name, "status": "FAILED", "failure": {"name": "PayloadFailed", "cause": "See https://evil."}}
    restored = application.ended(start_restore(application, forged))
    assert restored["status"] == "SUCCEEDED", restored.get("cause")
    report = application.report(name)
    assert "error" not in report
    assert report["verdict"] == json.loads(ended["output"])["verdict"]
    assert application.has_object("functions/spin/latest.json")
