"""The handler of restore: how a run ended is asked of its own execution, and the clock of its own call."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit.steps.conftest import FakeRun
from tests.unit.steps.test_known_end import ARN, FakeExecutions
from tuner.core.errors import CloneNotReady
from tuner.handlers import restore as handler_module


def context(remaining_ms: int) -> Any:
    """What Lambda gives a handler."""
    return SimpleNamespace(
        function_name="lambda-tuner-restore",
        memory_limit_in_mb=256,
        invoked_function_arn="arn:aws:lambda:eu-west-1:123456789012:function:lambda-tuner-restore",
        aws_request_id="1",
        get_remaining_time_in_millis=lambda: remaining_ms,
    )


@pytest.fixture
def asked(run: FakeRun, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The handler on a run whose execution was stopped; the executions that it asks about."""
    asked: list[str] = []

    class Executions(FakeExecutions):
        def describe_execution(self, *, executionArn: str) -> dict[str, Any]:  # noqa: N803
            asked.append(executionArn)
            return super().describe_execution(executionArn=executionArn)

    monkeypatch.setenv("TUNER_STACK", "lambda-tuner")
    monkeypatch.setenv("POWERTOOLS_TRACE_DISABLED", "1")
    monkeypatch.setattr(handler_module, "client", lambda _: Executions("ABORTED"))
    monkeypatch.setattr(handler_module, "run_artifacts", lambda _: run.artifacts)
    monkeypatch.setattr(handler_module, "SnapshotReader", lambda _: run.reader)
    monkeypatch.setattr(handler_module, "clones", lambda: run.clones)
    run.plan()
    run.round()
    run.round()
    return asked


def test_how_the_run_ended_is_asked_of_its_own_execution(asked: list[str]) -> None:
    """The status that it was told is checked there and handed on; within the run nobody tells one."""
    told = handler_module.handler({"runId": "run-1", "status": "ABORTED"}, context(300_000))
    assert (told["status"], asked) == ("ABORTED", [ARN])
    assert handler_module.handler({"runId": "run-1"}, context(300_000))["status"] is None


def test_a_call_that_has_no_time_left_is_called_again(asked: list[str], run: FakeRun) -> None:
    """By the clock of this very call."""
    with pytest.raises(CloneNotReady, match="no time"):
        handler_module.handler({"runId": "run-1"}, context(1_000))
    handler_module.handler({"runId": "run-1"}, context(300_000))
    assert list(run.aws.functions) == ["theirs"]
