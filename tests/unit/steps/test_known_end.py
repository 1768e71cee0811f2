"""What restore believes of a run: Step Functions knows best, and a run that never was leaves nothing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.steps.conftest import FakeRun
from tests.unit.steps.fakes import client_error
from tuner.core.errors import RunNotFound
from tuner.steps.known_end import known_end
from tuner.steps.overdue import mark_open

ARN = "arn:aws:states:eu-west-1:123456789012:execution:lambda-tuner-tune:run-1"


class FakeExecutions:
    """Step Functions with one execution, or none."""

    def __init__(self, status: str | None = None, refusal: str = "ExecutionDoesNotExist") -> None:
        self.status = status
        self.refusal = refusal

    def describe_execution(self, *, executionArn: str) -> dict[str, Any]:  # noqa: N803
        """As Step Functions does."""
        if self.status is None:
            raise client_error(self.refusal, "no")
        return {"executionArn": executionArn, "status": self.status}


def end_of(run: FakeRun, executions: FakeExecutions, told: Any) -> str:
    """Ask how the run ended."""
    return known_end(run.artifacts, executions, execution_arn=ARN, told=told)


@pytest.mark.parametrize("told", ["FAILED", "ABORTED", "TIMED_OUT", "UNKNOWN"])
def test_an_execution_that_succeeded_keeps_its_answer(told: str, run: FakeRun) -> None:
    """Whatever whoever starts restore says of it."""
    assert end_of(run, FakeExecutions("SUCCEEDED"), told) == "UNKNOWN"


@pytest.mark.parametrize("status", ["RUNNING", "ABORTED", "FAILED", "TIMED_OUT"])
def test_what_is_told_stands_where_nothing_contradicts(status: str, run: FakeRun) -> None:
    """The answer may be a moment old: an execution just stopped may still be shown as running."""
    assert end_of(run, FakeExecutions(status), "ABORTED") == "ABORTED"


@pytest.mark.parametrize("told", ["SUCCEEDED", "", None, 5, ["FAILED"], {"a": 1}])
def test_what_is_no_end_says_nothing(told: Any, run: FakeRun) -> None:
    """Anything else is nobody having told."""
    assert end_of(run, FakeExecutions("FAILED"), told) == "UNKNOWN"


def test_a_run_that_never_was_is_not_found(run: FakeRun) -> None:
    """No execution, no mark, no object: and nothing is written."""
    with pytest.raises(RunNotFound, match="There was no run run-1"):
        end_of(run, FakeExecutions(), "FAILED")
    assert run.s3.objects == {}


def test_what_a_starter_may_write_makes_no_run(run: FakeRun) -> None:
    """A payload for a run, the request to end one and the command are written by whoever starts it."""
    for name in ("payload.json", "stop.json", "command.json"):
        run.artifacts.write(name, {})
    with pytest.raises(RunNotFound):
        end_of(run, FakeExecutions(refusal="InvalidArn"), "FAILED")


def test_an_old_run_is_known_by_its_objects(run: FakeRun) -> None:
    """Step Functions forgets after 90 days; of a run that it does not know nobody can tell the end."""
    run.plan()
    assert end_of(run, FakeExecutions(), "FAILED") == "UNKNOWN"


def test_a_run_is_known_by_its_mark(run: FakeRun) -> None:
    """It is the first thing that a run writes."""
    mark_open(run.artifacts, expires_at="2026-11-24T09:00:00+00:00")
    assert end_of(run, FakeExecutions(), "UNKNOWN") == "UNKNOWN"


@pytest.mark.parametrize("refusal", ["AccessDeniedException", "ThrottlingException"])
def test_a_run_is_undone_where_nobody_can_be_asked(refusal: str, run: FakeRun) -> None:
    """Cleaning up does not wait for a permission."""
    assert end_of(run, FakeExecutions(refusal=refusal), "ABORTED") == "ABORTED"
