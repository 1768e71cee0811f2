"""EventBridge's schedule expressions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tuner.embedded.schedule_expression import InvalidSchedule, check_schedule, cron_matches, is_due


@pytest.mark.parametrize(
    ("expression", "moments", "others"),
    [
        ("0 3 * * ? *", ["2026-01-31T03:00"], ["2026-01-31T03:01", "2026-01-31T04:00"]),
        ("0/15 * * * ? *", ["2026-01-31T03:45"], ["2026-01-31T03:50"]),
        ("0 18 ? * MON-FRI *", ["2026-02-02T18:00", "2026-02-06T18:00"], ["2026-02-01T18:00"]),
        ("0 18 ? * 1 *", ["2026-02-01T18:00"], ["2026-02-02T18:00"]),
        ("0 0 L * ? *", ["2026-02-28T00:00", "2024-02-29T00:00"], ["2026-02-27T00:00"]),
        ("0 0 ? * 6L *", ["2026-01-30T00:00"], ["2026-01-23T00:00"]),
        ("0 0 ? * TUE#2 *", ["2026-01-13T00:00"], ["2026-01-06T00:00", "2026-01-20T00:00"]),
        ("0 0 15W * ? *", ["2026-02-16T00:00", "2026-05-15T00:00"], ["2026-02-15T00:00"]),
        ("0 0 1W * ? *", ["2026-02-02T00:00", "2026-08-03T00:00"], ["2026-02-01T00:00"]),
        ("0 0 LW * ? *", ["2026-01-30T00:00"], ["2026-01-31T00:00"]),
        ("0 8,20 1 JAN,JUL ? 2026-2027", ["2026-07-01T20:00"], ["2028-07-01T20:00", "2026-02-01T20:00"]),
        ("0 22 ? * FRI-MON *", ["2026-02-01T22:00", "2026-01-30T22:00"], ["2026-02-03T22:00"]),
    ],
)
def test_cron_names_its_minutes(expression: str, moments: list[str], others: list[str]) -> None:
    """Each of the six fields, with names, ranges, steps and AWS's own letters."""
    assert all(cron_matches(expression, datetime.fromisoformat(moment)) for moment in moments)
    assert not any(cron_matches(expression, datetime.fromisoformat(moment)) for moment in others)


@pytest.mark.parametrize(
    "expression",
    ["cron(0 3 * * *)", "cron(60 3 * * ? *)", "cron(0 3 1 * MON *)", "cron(0 3 * FOO ? *)", "rate(0 minutes)",
     "rate(5 parsecs)", "at(soon)", "0 3 * * ? *", "cron(0 3 * * * *)", "cron(0 3 ? * ? *)", "cron(5 17 * * 6L *)",
     "cron(0 9 ? * 7#6 *)", "rate(5 minute)", "rate(2 hour)", "rate(\u0665 minutes)",
     # A ? only in the day fields; plain digits; days and weeks that there are.
     "cron(? 3 * * ? *)", "cron(0 ? * * ? *)", "cron(0 3 * ? ? *)", "cron(0 3 * * ? ?)", "cron(0 3 ?/2 * ? *)",
     "cron(1_0 3 * * ? *)", "cron(+5 3 * * ? *)", "cron(0 3 ? * 9#1 *)", "cron(0 3 ? * 8L *)", "cron(0 3 32W * ? *)",
     "cron(0/0 3 * * ? *)", "cron(0,,30 3 * * ? *)", "cron(@daily)", "cron(0 3 ? * MONDAY *)",
     # at(yyyy-mm-ddThh:mm:ss) and no other of ISO 8601's forms.
     "at(2026-01-31)", "at(2026-01-31T08:00)", "at(2026-01-31T08:00:00Z)", "at(2026-01-31T08:00:00+01:00)",
     "at(2026-01-31 08:00:00)", "at(20260131T080000)"],
)  # fmt: skip
def test_wrong_expressions_are_refused(expression: str) -> None:
    """The error names the expression."""
    now = datetime(2026, 1, 31, tzinfo=UTC)
    with pytest.raises(InvalidSchedule, match="is not a schedule expression"):
        is_due(expression, after=now - timedelta(minutes=1), until=now, created_at=now)


@pytest.mark.parametrize(("month", "hour"), [(1, 2), (7, 1)])
def test_cron_follows_the_time_zone(month: int, hour: int) -> None:
    """03:00 in Berlin is 02:00 UTC in winter and 01:00 UTC in summer."""
    until = datetime(2026, month, 15, hour, 0, tzinfo=UTC)
    due = {
        offset: is_due(
            "cron(0 3 * * ? *)",
            after=until + timedelta(hours=offset, seconds=-1),
            until=until + timedelta(hours=offset),
            created_at=until,
            timezone="Europe/Berlin",
        )
        for offset in (-1, 0, 1)
    }
    assert due == {-1: False, 0: True, 1: False}


def test_at_is_due_once() -> None:
    """A single moment, in the schedule's time zone."""
    until = datetime(2026, 1, 31, 7, 0, tzinfo=UTC)
    berlin = {"created_at": until, "timezone": "Europe/Berlin"}
    assert is_due("at(2026-01-31T08:00:00)", after=until - timedelta(seconds=1), until=until, **berlin)  # type: ignore[arg-type]
    assert not is_due("at(2026-01-31T08:00:00)", after=until, until=until + timedelta(days=1), **berlin)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("expression", "night", "count"),
    [
        ("cron(30 2 * * ? *)", datetime(2026, 3, 28, 23, tzinfo=UTC), 0),  # the clocks go forward from 2:00 to 3:00
        ("cron(30 2 * * ? *)", datetime(2026, 10, 24, 22, tzinfo=UTC), 1),  # the clocks go back from 3:00 to 2:00
        ("cron(30 3 * * ? *)", datetime(2026, 3, 28, 23, tzinfo=UTC), 1),
    ],
)
def test_daylight_saving_time(expression: str, night: datetime, count: int) -> None:
    """A time that does not exist is skipped, and one that comes twice counts once."""
    hours = [night + timedelta(hours=hour) for hour in range(8)]
    assert count == sum(
        is_due(expression, after=hour, until=hour + timedelta(hours=1), created_at=night, timezone="Europe/Berlin")
        for hour in hours
    )


@pytest.mark.parametrize(
    "content",
    ["0-15/1 8-8 ? * 2,3,4,5,6,7 *", "30-30 13-13 ? * 2,4,6 *", "1-31/30 1-1 ? * 1,7 *", "0 11-23/4 ? * 2-6 *",
     "0 0 1 1-12/3 ? *", "0 2 ? * 5L *", "15 10 ? * 6L 2002-2030", "0 21 LW * ? *", "0/30 20-2 ? * MON-FRI *"],
)  # fmt: skip
def test_expressions_that_others_refuse(content: str) -> None:
    """Valid ones stay so."""
    check_schedule(f"cron({content})", "Europe/Berlin")


def test_unknown_time_zones_are_refused() -> None:
    """The error names it."""
    with pytest.raises(InvalidSchedule, match="'Mars/Olympus' is not a time zone"):
        check_schedule("cron(0 3 * * ? *)", "Mars/Olympus")
