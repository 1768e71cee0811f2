"""The history of a stopped execution ends with the stop."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from tuner.embedded.moto_patches.stepfunctions import _stopped_history


@pytest.mark.parametrize(
    ("events_at_stop", "kept"),
    [(0, ["ExecutionStarted"]), (1, ["ExecutionStarted"]), (2, ["ExecutionStarted", "WaitStateEntered"])],
)
def test_what_the_interpreter_wrote_after_the_stop_is_left_out(events_at_stop: int, kept: list[str]) -> None:
    """A stop between two states makes moto's interpreter end with an error of its own."""
    execution = SimpleNamespace(
        lambda_tuner_events_at_stop=events_at_stop,
        stop_date=datetime(2026, 1, 31, 8, tzinfo=UTC),
        error=None,
        cause="at once",
    )
    written = [{"type": kind} for kind in ("ExecutionStarted", "WaitStateEntered", "ExecutionFailed")]
    history = _stopped_history(execution, written)
    assert [event["type"] for event in history] == [*kept, "ExecutionAborted"]
    assert history[-1]["id"] == len(history)
    assert history[-1]["timestamp"] == "2026-01-31T08:00:00.000Z"
    assert history[-1]["executionAbortedEventDetails"] == {"cause": "at once"}
