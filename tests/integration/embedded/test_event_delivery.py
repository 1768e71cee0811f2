# ruff: noqa: D102, D103 - the names of helpers and probes say what they do
"""What targets receive, and when schedules fire."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tuner.embedded.event_delivery import EventDelivery, ScheduleClock, transformed_input
from tuner.embedded.moto_account import ScheduledTarget

EVENT = {
    "source": "aws.states",
    "time": "2026-01-31T08:00:00Z",
    "resources": ["arn:one"],
    "detail": {"name": 'a"b', "status": "FAILED", "count": 3, "nothing": None},
}
SCHEDULE_ARN = "arn:aws:scheduler:us-east-1:123456789012:schedule/default/nightly"
MACHINE_ARN = "arn:aws:states:us-east-1:123456789012:stateMachine:m"


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ({}, EVENT),
        ({"Input": '{"fixed": 1}'}, {"fixed": 1}),
        ({"InputPath": "$.detail.status"}, "FAILED"),
        ({"InputPath": "$.resources[0]"}, "arn:one"),
        (
            {
                "InputTransformer": {
                    "InputPathsMap": {"n": "$.detail.name", "c": "$.detail.count", "x": "$.missing"},
                    "InputTemplate": '{"name": <n>, "text": "run <n> of <c>", "count": <c>, "missing": <x>}',
                }
            },
            {"name": 'a"b', "text": 'run a"b of 3', "count": 3, "missing": None},
        ),
        (
            {"InputTransformer": {"InputTemplate": '{"event": <aws.events.event>}'}},
            {"event": EVENT},
        ),
    ],
)
def test_inputs_are_transformed(target: dict[str, Any], expected: Any) -> None:
    """Input, InputPath and InputTransformer give what EventBridge gives; values stay inside their quotes."""
    assert json.loads(transformed_input(target, EVENT)) == expected


class RecordingDelivery(EventDelivery):
    """Notes what would be sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Any]] = []

    def send(self, arn: str, payload: str, *, origin: str) -> None:
        self.sent.append((arn, json.loads(payload)))


def schedule(expression: str, **changes: Any) -> ScheduledTarget:
    values: dict[str, Any] = {
        "arn": SCHEDULE_ARN,
        "expression": expression,
        "timezone": "UTC",
        "created_at": datetime(2026, 1, 1, tzinfo=UTC),
        "start_at": None,
        "end_at": None,
        "target": {"Arn": MACHINE_ARN, "Input": '{"at": "<aws.scheduler.scheduled-time>"}'},
    }
    return ScheduledTarget(**{**values, **changes})


def fired(of: ScheduledTarget, start: datetime, *looks: timedelta) -> list[tuple[str, Any]]:
    delivery = RecordingDelivery()
    clock = ScheduleClock(lambda: [of], delivery, started_at=start)
    for look in looks:
        clock.fire_due(start + look)
    return delivery.sent


def test_a_due_schedule_is_sent_once() -> None:
    """Looks before, at and after the minute send one event, with the context attributes filled in."""
    start = datetime(2026, 1, 31, 2, 59, 58, tzinfo=UTC)
    looks = [timedelta(seconds=second) for second in range(1, 6)]
    assert fired(schedule("cron(0 3 * * ? *)"), start, *looks) == [(MACHINE_ARN, {"at": "2026-01-31T03:00:00Z"})]


def test_missed_nights_are_made_up_once() -> None:
    """A laptop that slept for a week runs the nightly job once."""
    start = datetime(2026, 1, 20, 12, 0, tzinfo=UTC)
    assert len(fired(schedule("cron(0 3 * * ? *)"), start, timedelta(days=7))) == 1


def test_rates_count_from_the_creation() -> None:
    """``rate(5 minutes)`` fires every fifth minute after the schedule was made, not at once."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    looks = [timedelta(seconds=30 * step) for step in range(1, 23)]
    assert len(fired(schedule("rate(5 minutes)"), start, *looks)) == 2


def test_dates_bound_a_schedule() -> None:
    """Nothing is sent before the start date or after the end date."""
    start = datetime(2026, 1, 31, 2, 59, tzinfo=UTC)
    early = schedule("cron(0 3 * * ? *)", start_at=start + timedelta(days=1))
    late = schedule("cron(0 3 * * ? *)", end_at=start)
    assert fired(early, start, timedelta(minutes=2)) == []
    assert fired(late, start, timedelta(minutes=2)) == []


def test_a_schedule_that_cannot_be_read_stops_no_other() -> None:
    """A wrong expression or time zone is passed over."""
    start = datetime(2026, 1, 31, 2, 59, tzinfo=UTC)
    delivery = RecordingDelivery()
    wrong = [schedule("cron(0 3 *)"), schedule("cron(0 3 * * ? *)", timezone="Mars/North")]
    clock = ScheduleClock(lambda: [*wrong, schedule("cron(0 3 * * ? *)")], delivery, started_at=start)
    assert clock.fire_due(start + timedelta(minutes=1)) == 1


def test_a_schedule_without_input_sends_awss_event() -> None:
    """Scheduler's own event names the schedule."""
    start = datetime(2026, 1, 31, 2, 59, 58, tzinfo=UTC)
    [(_, event)] = fired(schedule("cron(0 3 * * ? *)", target={"Arn": MACHINE_ARN}), start, timedelta(seconds=3))
    assert (event["source"], event["resources"]) == ("aws.scheduler", [SCHEDULE_ARN])
