"""What is kept of a run in the list of runs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.report import documents
from tuner.core.answer.codec import decode_row, encode_row
from tuner.core.answer.run_row import RunRow, row_of


def test_a_row_says_what_was_decided() -> None:
    """Function, both sizes, the saving and the decision; the verdict is the result."""
    answer = documents.goal_met()
    row = row_of(answer)
    assert (row.function, row.result, row.decision) == ("thumbnail-api", "GOAL_MET", "change")
    assert (row.current_memory_mb, row.memory_mb, row.saving_ratio) == (3008, 1024, answer.saving_ratio)
    assert decode_row(encode_row(row), row.run_id) == row


def test_the_row_of_a_failed_run_has_its_error() -> None:
    """And no size."""
    failure = documents.failed_run()
    row = row_of(failure)
    assert (row.result, row.verdict, row.memory_mb) == (failure.error.name, None, None)


@pytest.mark.parametrize("data", [None, [], {"memoryMb": "512"}, {"memoryMb": True}, {"savingRatio": "much"}])
def test_a_damaged_row_is_refused(data: Any) -> None:
    """Whatever lies in the bucket; one that an earlier version wrote lacks fields, and is none."""
    with pytest.raises(ValueError, match=r"JSON object|kind"):
        decode_row(data, "run-1")
    assert decode_row({"finishedAt": "2026-01-01T00:00:00Z"}, "run-1") == RunRow(
        "run-1", finished_at="2026-01-01T00:00:00Z"
    )
