"""Today's configuration is kept unless a change is worth it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.core.answer.keep_or_change import KEPT, decision_reason

PLAIN: dict[str, Any] = {
    "same": False, "usable": True, "met_today": 0.93, "met_pick": 0.98, "confidence": 0.9, "worth_ratio": 0.2,
    "tolerance": 0.05,
}  # fmt: skip


@pytest.mark.parametrize(
    ("verdict", "changes", "reason"),
    [
        ("GOAL_MET", {}, "saves"),
        ("GOAL_MET", {"same": True, "worth_ratio": None}, "same"),
        ("GOAL_MET", {"worth_ratio": -0.02}, "within_tolerance"),
        ("GOAL_MET", {"worth_ratio": 0.05}, "within_tolerance"),
        ("GOAL_MET", {"worth_ratio": 0.051}, "saves"),
        ("GOAL_MET", {"clear": False}, "within_tolerance"),
        ("GOAL_MET", {"met_today": 0.2, "worth_ratio": -0.5}, "misses_goal"),
        ("GOAL_MET", {"met_today": 0.7}, "misses_goal"),
        ("GOAL_MET", {"met_today": 0.7, "clear": False}, "misses_goal"),
        ("GOAL_MET", {"met_today": 0.88, "worth_ratio": 0.03}, "within_tolerance"),
        ("GOAL_MET", {"usable": False, "worth_ratio": None}, "cannot_be_used"),
        ("GOAL_MET", {"worth_ratio": None}, "saves"),
        ("NO_GOAL", {"met_today": None, "met_pick": None}, "saves"),
        ("NO_GOAL", {"met_today": None, "met_pick": None, "worth_ratio": 0.04}, "within_tolerance"),
        ("NO_GOAL", {"met_today": None, "met_pick": None, "by_cost": False, "clear": False}, "better"),
        ("GOAL_NOT_MET", {"met_today": 0.0, "met_pick": 0.0}, "no_size_meets_goal"),
        ("GOAL_NOT_MET", {"usable": False}, "cannot_be_used"),
        ("UNCERTAIN", {"met_today": 0.9, "met_pick": 0.7}, "not_sure"),
        ("UNCERTAIN", {"met_today": 0.05, "met_pick": 0.7}, "misses_goal"),
        ("UNCERTAIN", {"met_today": 0.05, "met_pick": 0.4}, "not_sure"),
    ],
)
def test_the_decision(verdict: Any, changes: dict[str, Any], reason: str) -> None:
    """A size that does not meet the goal is changed; one that does is kept within the tolerance."""
    assert decision_reason(verdict, **{**PLAIN, **changes}) == reason


@given(
    met_today=st.floats(0.9, 1),
    worth_ratio=st.floats(-1, 1),
    tolerance=st.floats(0, 0.5),
    clear=st.booleans(),
)
def test_a_size_that_meets_the_goal_is_changed_only_for_more_than_the_tolerance(
    met_today: float, worth_ratio: float, tolerance: float, clear: bool
) -> None:
    """Whatever the best size is, as long as today's is as sure as was asked for."""
    worth = {"met_today": met_today, "worth_ratio": worth_ratio, "tolerance": tolerance, "clear": clear}
    reason = decision_reason("GOAL_MET", **{**PLAIN, **worth})
    assert (reason in KEPT) is (worth_ratio <= tolerance or not clear)
