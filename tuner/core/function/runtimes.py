"""Runtimes that AWS no longer creates functions with.

Source: the table "Lambda runtimes" of the Lambda Developer Guide, in the form
in which cfn-lint 1.58.0 ships it (``LmbdRuntimeLifecycle.json``), seen
2026-11-24. A test compares the two, so that a newer cfn-lint asks for a newer
table. AWS has moved such dates more than once: a date that was still to come
when the table was written is a warning when it has passed, and AWS has the
last word.
"""

from __future__ import annotations

from collections.abc import Mapping

TABLE_AS_OF = "2026-11-24"

CREATE_BLOCKED_FROM: Mapping[str, str] = {
    "dotnet10": "2028-12-14",
    "dotnet6": "2027-02-01",
    "dotnet8": "2027-02-01",
    "dotnetcore1.0": "2019-06-30",
    "dotnetcore2.0": "2019-04-30",
    "dotnetcore2.1": "2022-01-05",
    "dotnetcore3.1": "2023-04-03",
    "go1.x": "2024-02-08",
    "java11": "2027-07-31",
    "java17": "2027-07-31",
    "java21": "2029-07-31",
    "java25": "2029-07-31",
    "java8": "2024-02-08",
    "java8.al2": "2027-07-31",
    "nodejs": "2016-09-30",
    "nodejs10.x": "2021-07-30",
    "nodejs12.x": "2023-03-31",
    "nodejs14.x": "2024-01-09",
    "nodejs16.x": "2027-02-01",
    "nodejs18.x": "2027-02-01",
    "nodejs20.x": "2027-02-01",
    "nodejs22.x": "2027-06-01",
    "nodejs24.x": "2028-06-01",
    "nodejs4.3": "2020-02-03",
    "nodejs4.3-edge": "2019-03-31",
    "nodejs6.10": "2019-07-12",
    "nodejs8.10": "2020-02-04",
    "provided": "2024-02-08",
    "provided.al2": "2027-02-01",
    "provided.al2023": "2029-07-31",
    "python2.7": "2021-07-15",
    "python3.10": "2027-02-01",
    "python3.11": "2027-07-31",
    "python3.12": "2028-11-30",
    "python3.13": "2029-07-31",
    "python3.14": "2029-07-31",
    "python3.6": "2022-07-18",
    "python3.7": "2024-01-09",
    "python3.8": "2027-02-01",
    "python3.9": "2027-02-01",
    "ruby2.5": "2021-07-30",
    "ruby2.7": "2024-01-09",
    "ruby3.2": "2027-02-01",
    "ruby3.3": "2027-04-30",
    "ruby3.4": "2028-04-30",
    "ruby4.0": "2029-04-30",
}
"""Runtime identifier and the day (ISO 8601) from which no function can be created with it."""


def create_blocked(runtime: str | None) -> str | None:
    """Say since when a runtime cannot be created, by what is known for sure.

    Returns:
        The day; ``None`` if it can be, if it is not known, and for
        container images, which have no runtime of Lambda's.

    Example:
        >>> create_blocked("python3.7")
        '2024-01-09'
        >>> create_blocked("python3.13")
    """
    day = CREATE_BLOCKED_FROM.get(runtime or "")
    return day if day is not None and day <= TABLE_AS_OF else None


def create_perhaps_blocked(runtime: str | None, *, today: str) -> str | None:
    """Say since when a runtime may be blocked, by a date that was still to come when the table was written.

    *today* is ISO 8601.
    """
    day = CREATE_BLOCKED_FROM.get(runtime or "")
    return day if day is not None and TABLE_AS_OF < day <= today[:10] else None
