"""When EventBridge schedules are due: ``rate(…)``, ``cron(…)`` with its six fields, ``at(…)``."""

from __future__ import annotations

import calendar
import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tuner.core.errors import TunerError

_MONTHS = {
    "JAN": 1, "FEB": 2, "MAR": 3, "APR": 4, "MAY": 5, "JUN": 6,
    "JUL": 7, "AUG": 8, "SEP": 9, "OCT": 10, "NOV": 11, "DEC": 12,
}  # fmt: skip
_DAYS = {"SUN": 1, "MON": 2, "TUE": 3, "WED": 4, "THU": 5, "FRI": 6, "SAT": 7}
_UNITS_S = {"minute": 60, "hour": 3600, "day": 86_400}
_LONGEST_GAP_MINUTES = 24 * 60


class InvalidSchedule(TunerError):
    """A schedule expression that EventBridge would refuse."""


def is_due(expression: str, *, after: datetime, until: datetime, created_at: datetime, timezone: str = "UTC") -> bool:
    """Tell whether a schedule has an occurrence in the time after *after* and up to *until*.

    Several occurrences in one span (a laptop that slept) count as one: a
    nightly run that was missed five times is wanted once.

    *after* is excluded, *until* included. ``rate`` counts from *created_at*; *timezone*, a name of the time zone
    database, is for ``cron`` and ``at``.

    Raises:
        InvalidSchedule: The expression is none of the three forms.

    Example:
        >>> night = datetime(2026, 1, 31, 3, 0, tzinfo=UTC)
        >>> is_due("cron(0 3 * * ? *)", after=night - timedelta(seconds=1), until=night, created_at=night)
        True
    """
    form = re.fullmatch(r"(rate|cron|at)\((.*)\)", expression.strip())
    if not form:
        raise _invalid(expression)
    kind, content = form.groups()
    if kind == "rate":
        return _rate_is_due(expression, content, after, until, created_at)
    zone = ZoneInfo(timezone or "UTC")
    if kind == "at":
        try:
            moment = datetime.strptime(content, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=zone)
        except ValueError as error:
            raise _invalid(expression) from error
        return after < moment <= until
    cron_matches(content, until)  # refuses it, also if there is no minute to look at
    first = after.astimezone(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
    first = max(first, until.astimezone(UTC) - timedelta(minutes=_LONGEST_GAP_MINUTES))
    first = first.replace(second=0, microsecond=0)
    while first <= until:
        local = first.astimezone(zone)
        # Clocks that go forward skip a time; when they go back, the schedule runs once, not twice
        # ("Schedule types", EventBridge Scheduler guide, seen 2026-11-28).
        if local.fold == 0 and cron_matches(content, local):
            return True
        first += timedelta(minutes=1)
    return False


def check_schedule(expression: str, timezone: str | None = None) -> None:
    """Refuse what EventBridge refuses.

    Raises:
        InvalidSchedule: Not one of the three forms, or a time zone that is not known.

    Example:
        >>> check_schedule("cron(0 3 * * ? *)", "Europe/Berlin")
    """
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    try:
        is_due(expression, after=moment, until=moment, created_at=moment, timezone=timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise InvalidSchedule(
            f"{timezone!r} is not a time zone.", hint="Write a name such as Europe/Berlin."
        ) from error


def _rate_is_due(expression: str, content: str, after: datetime, until: datetime, created_at: datetime) -> bool:
    # A value over 1 wants the plural ("Rate expressions", EventBridge guide).
    found = re.fullmatch(r"([0-9]+)\s+(minute|hour|day)(s?)", content.strip())
    if not found or int(found[1]) == 0 or (int(found[1]) > 1 and not found[3]):
        raise _invalid(expression)
    period_s = int(found[1]) * _UNITS_S[found[2]]
    past = int((after - created_at).total_seconds() // period_s)
    now = int((until - created_at).total_seconds() // period_s)
    return now > max(past, 0)


def cron_matches(content: str, moment: datetime) -> bool:
    """Tell whether ``minutes hours day-of-month month day-of-week year`` name a minute of the schedule's time zone.

    The fields are EventBridge's ("Schedule types", EventBridge Scheduler guide).

    Raises:
        InvalidSchedule: Not six fields, a value out of bounds, or not exactly one ``?`` in the day fields: "if you
            specify a value or a * in one of them, you must use a ? in the other" (EventBridge guide).
    """
    try:
        minutes, hours, days_of_month, months, days_of_week, years = content.upper().split()
        if (days_of_month == "?") == (days_of_week == "?"):
            raise ValueError(content)
        names_it = (  # each field is read, whatever the others say
            moment.minute in _numbers(minutes, 0, 59),
            moment.hour in _numbers(hours, 0, 23),
            _month_day_matches(days_of_month, moment),
            moment.month in _numbers(months, 1, 12, _MONTHS),
            _week_day_matches(days_of_week, moment),
            moment.year in _numbers(years, 1970, 2199),
        )
    except ValueError as error:
        raise _invalid(f"cron({content})") from error
    return all(names_it)


def _month_day_matches(field: str, moment: datetime) -> bool:
    last = calendar.monthrange(moment.year, moment.month)[1]
    if field == "?":
        return True
    if field == "L":
        return moment.day == last
    if field.endswith("W"):
        wanted = last if field == "LW" else _value(field[:-1], 1, 31)
        return moment.day == _nearest_weekday(moment, wanted, last)
    return moment.day in _numbers(field, 1, 31)


def _week_day_matches(field: str, moment: datetime) -> bool:
    day = moment.isoweekday() % 7 + 1  # AWS counts from Sunday = 1
    if field == "?":
        return True
    if field == "L":
        return day == 7
    if "#" in field:
        wanted, nth = field.split("#")
        is_day = day == _value(wanted, 1, 7, _DAYS)
        return (moment.day - 1) // 7 + 1 == _value(nth, 1, 5) and is_day
    if field.endswith("L"):
        last = calendar.monthrange(moment.year, moment.month)[1]
        return day == _value(field[:-1], 1, 7, _DAYS) and moment.day > last - 7
    return day in _numbers(field, 1, 7, _DAYS)


def _nearest_weekday(moment: datetime, day: int, last: int) -> int:
    """Give the working day nearest to a day of this month, without leaving the month."""
    day = min(day, last)
    weekday = moment.replace(day=day).isoweekday()
    if weekday == 6:
        return day - 1 if day > 1 else day + 2
    if weekday == 7:
        return day + 1 if day < last else day - 2
    return day


def _value(text: str, low: int, high: int, names: dict[str, int] | None = None) -> int:
    if names and text in names:
        return names[text]
    if not re.fullmatch("[0-9]+", text) or not low <= int(text) <= high:
        raise ValueError(text)
    return int(text)


def _numbers(field: str, low: int, high: int, names: dict[str, int] | None = None) -> frozenset[int]:
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        if span == "*":
            start, end = low, high
        elif "-" in span:
            left, right = span.split("-")
            start, end = _value(left, low, high, names), _value(right, low, high, names)
        else:
            start = _value(span, low, high, names)
            end = high if step else start
        values = range(start, end + 1) if start <= end else [*range(start, high + 1), *range(low, end + 1)]
        found.update(list(values)[:: int(step) if step else 1])
    return frozenset(found)


def _invalid(expression: str) -> InvalidSchedule:
    return InvalidSchedule(
        f"{expression!r} is not a schedule expression.",
        hint="Write rate(5 minutes), cron(0 3 * * ? *) with six fields, or at(2026-01-31T08:00:00).",
    )
