"""The nightly digest."""

from __future__ import annotations

from typing import Any

from tuner.core.answer.night import Night, read_night
from tuner.report.digest import digest_rows, render_digest_html

ARN = "arn:aws:lambda:eu-central-1:123456789012:function:"


def tuned(name: str, **fields: Any) -> dict[str, Any]:
    """The row that the nightly state machine keeps of a finished run."""
    return {
        "name": f"night-{name}", "runId": f"night-{name}", "functionArn": ARN + name, "verdict": "GOAL_MET",
        "memoryMb": 512, "architecture": "arm64", "currentMemoryMb": 1024, "savingRatio": 0.2, "decision": "change",
        "confidence": 0.93,
        "spentUsd": 0.0001, **fields,
    }  # fmt: skip


def night(*functions: dict[str, Any], skipped: tuple[dict[str, Any], ...] = ()) -> Night:
    """A night of these functions."""
    return read_night("night-1", "2026-11-24T02:00:11.000Z", functions, skipped)


def test_the_largest_saving_comes_first_and_failures_keep_their_reason() -> None:
    """One function's failure hides no other's answer."""
    rows = digest_rows(
        night(
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
    """A size that is kept shows no saving, be it the best one or not."""
    for memory_mb, saving in ((1024, 0.0), (960, 0.02)):
        row = digest_rows(night(tuned("same", memoryMb=memory_mb, savingRatio=saving, decision="keep")))[0]
        assert (row.decision, row.saving) == ("keep", "–")


def test_a_goal_that_no_size_meets_is_no_recommendation() -> None:
    """The best of the sizes that miss the goal is not shown as a saving; the headline counts the function."""
    slow = night(tuned("slow", verdict="GOAL_NOT_MET", decision="keep", savingRatio=0.63, confidence=0.97))
    row = digest_rows(slow)[0]
    assert (row.decision, row.saving, row.sure) == ("keep", "–", "97% that no size meets it")
    assert "1 function tuned, none to change, 1 misses its goal at every size." in render_digest_html(slow)


def test_each_probability_says_of_what() -> None:
    """The number of one verdict is not read as another's; an uncertain one has none."""
    sure = {verdict: digest_rows(night(tuned("a", verdict=verdict)))[0].sure for verdict in ("GOAL_MET", "NO_GOAL")}
    assert sure == {"GOAL_MET": "93% that the goal is met", "NO_GOAL": "93% that it is best"}
    assert digest_rows(night(tuned("a", verdict="UNCERTAIN")))[0].sure == "–"


def test_the_headline_counts() -> None:
    """Tuned, to change, failed and skipped, in one sentence."""
    uncertain = tuned("b", verdict="UNCERTAIN", decision="keep")
    page = render_digest_html(night(tuned("a"), uncertain, {"name": "n", "error": "Throttled"}))
    assert "2 functions tuned, 1 to change, 1 failed." in page
    assert "No function is enabled" in render_digest_html(night())


def test_rows_with_missing_fields_are_shown() -> None:
    """What a row does not know is a dash."""
    row = digest_rows(night({"functionArn": ARN + "a", "verdict": "NO_GOAL", "savingRatio": None}))[0]
    assert (row.now, row.saving, row.sure) == ("–", "–", "–")


def test_hostile_texts_are_only_ever_text() -> None:
    """Names and causes are escaped."""
    page = render_digest_html(
        night({"name": "<script>alert(1)</script>", "error": "<img src=x>", "cause": "<script>alert(2)</script>" * 99})
    )
    assert "<script" not in page
    assert "<img" not in page
    assert len(page) < 20_000
