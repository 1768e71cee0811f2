"""The table of runtimes that cannot be created is the one that is published."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest

from tuner.core.function.runtimes import CREATE_BLOCKED_FROM, TABLE_AS_OF, create_blocked, create_perhaps_blocked


def published() -> dict[str, str]:
    """Read the dates that cfn-lint ships."""
    source = files("cfnlint") / "data" / "AdditionalSpecs" / "LmbdRuntimeLifecycle.json"
    rows = json.loads(source.read_text(encoding="utf-8"))
    return {name: row["create-block"] for name, row in rows.items() if row["create-block"]}


def test_table_is_cfn_lints() -> None:
    """A cfn-lint with other dates asks for a table with other dates."""
    assert dict(CREATE_BLOCKED_FROM) == published()


@pytest.mark.parametrize("runtime", ["python3.7", "nodejs14.x", "java8", "go1.x", "provided"])
def test_blocked_runtimes_say_since_when(runtime: str) -> None:
    """What was blocked when the table was written is blocked."""
    since = create_blocked(runtime)
    assert since is not None
    assert since <= TABLE_AS_OF


@pytest.mark.parametrize("runtime", [None, "python3.13", "nodejs24.x", "provided.al2023", "python9.9"])
def test_other_runtimes_and_images_are_not_called_blocked(runtime: str | None) -> None:
    """What is not known is AWS's to refuse."""
    assert create_blocked(runtime) is None
    assert create_perhaps_blocked(runtime, today="2026-12-01") is None


def test_announced_dates_that_have_passed_are_no_more_than_likely() -> None:
    """AWS has moved such dates: python3.9 is not refused, and from its day on it is warned of."""
    day = CREATE_BLOCKED_FROM["python3.9"]
    assert create_blocked("python3.9") is None
    assert create_perhaps_blocked("python3.9", today="2027-01-31T23:59:59+00:00") is None
    assert create_perhaps_blocked("python3.9", today=f"{day}T00:00:00+00:00") == day
