"""The nightly digest."""

from __future__ import annotations

import json
from typing import Any

from tuner.report.digest import digest_rows, render_digest_html, render_digest_json

ARN = "arn:aws:lambda:eu-central-1:123456789012:function:"


def tuned(name: str, **fields: Any) -> dict[str, Any]:
    """The row that the nightly state machine keeps of a finished run."""
    return {
        "name": f"night-{name}", "runId": f"night-{name}", "functionArn": ARN + name, "verdict": "GOAL_MET",
        "memoryMb": 512, "architecture": "arm64", "currentMemoryMb": 1024, "savingRatio": 0.2, "confidence": 0.93,
        "spentUsd": 0.0001, **fields,
    }  # fmt: skip


def digest(*functions: dict[str, Any], skipped: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    """A digest as the step writes it."""
    return {
        "schemaVersion": 1,
        "executionName": "night-1",
        "startedAt": "2026-11-24T02:00:11.000Z",
        "functions": list(functions),
        "skipped": list(skipped),
    }


def test_the_largest_saving_comes_first_and_failures_keep_their_reason() -> None:
    """One function's failure hides no other's answer."""
    rows = digest_rows(
        digest(
            tuned("small", savingRatio=0.05),
            {"name": "n", "functionName": ARN + "broken", "error": "PayloadFailed", "cause": "it fails: KeyError"},
            tuned("large", savingRatio=0.5),
            skipped=({"functionArn": ARN + "quiet", "reason": "it has no payload tag"},),
        )
    )
    assert [row.name for row in rows] == ["large", "small", "broken", "quiet"]
    assert rows[0].saving == "50% less"
    assert rows[2].reason == "it fails: KeyError"
    assert rows[3].verdict == "skipped"


def test_a_size_that_stays_is_said_to_stay() -> None:
    """No change is not shown as a saving of nothing."""
    row = digest_rows(digest(tuned("same", memoryMb=1024, savingRatio=0.0)))[0]
    assert row.recommended == "as it is"
    assert row.saving == "–"


def test_the_headline_counts() -> None:
    """Tuned, cheaper, failed and skipped, in one sentence."""
    page = render_digest_html(digest(tuned("a"), tuned("b", verdict="UNCERTAIN"), {"name": "n", "error": "Throttled"}))
    assert "2 functions tuned, 1 can be cheaper, 1 failed." in page
    assert "No function is enabled" in render_digest_html(digest())


def test_rows_with_missing_fields_are_shown() -> None:
    """What a row does not know is a dash."""
    row = digest_rows(digest({"functionArn": ARN + "a", "verdict": "NO_GOAL", "savingRatio": None}))[0]
    assert (row.now, row.saving, row.confidence) == ("–", "–", "–")


def test_hostile_texts_are_only_ever_text() -> None:
    """Names and causes are escaped."""
    page = render_digest_html(
        digest({"name": "<script>alert(1)</script>", "error": "<img src=x>", "cause": "<script>alert(2)</script>" * 99})
    )
    assert "<script" not in page
    assert "<img" not in page
    assert len(page) < 20_000


def test_json_is_the_digest() -> None:
    """Machines read what people read."""
    assert json.loads(render_digest_json(digest(tuned("a")))) == digest(tuned("a"))
