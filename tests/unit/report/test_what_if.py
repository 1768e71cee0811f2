"""The answers under other goals, as the page lists them."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from tests.unit.report import documents
from tuner.core.answer.recommendation import GoalAlternatives, Interval
from tuner.core.answer.report import Answer
from tuner.core.answer.verdicts import GoalVerdict, facts_of
from tuner.report.page import TEMPLATES
from tuner.report.what_if import limit_range, what_if


def alternating(sizes_and_costs: list[tuple[int, float]]) -> Answer:
    """A run whose answers under ascending limits have these sizes and costs."""
    answer = documents.goal_met()
    assert answer.goal_alternatives is not None
    model = next(choice for choice in answer.goal_alternatives.choices if choice.verdict == "GOAL_MET")
    choices, steps = [], []
    for index, (size, cost) in enumerate(sizes_and_costs):
        limit = 100.0 * (index + 1)
        choices.append(
            replace(
                model,
                candidate=replace(model.candidate, memory_mb=size),
                from_limit_ms=limit,
                to_limit_ms=limit + 50,
                cost_per_million_usd=Interval(cost, cost, cost),
            )
        )
        step = answer.goal_alternatives.steps[0]
        steps += [replace(step, limit_ms=limit + place, choice=index) for place in range(3 if size == 3456 else 1)]
    return replace(answer, goal_alternatives=GoalAlternatives(95, tuple(choices), tuple(steps)))


def test_answers_within_the_tolerance_share_a_row() -> None:
    """Sizes that take turns at the same cost are one answer, named by the one that most limits have."""
    told = what_if(alternating([(3456, 5.0), (3520, 5.1), (3456, 5.0), (1024, 2.0)]))
    assert told is not None
    first, second = told.rows
    assert (first.choice.candidate.memory_mb, first.others_mb) == (3456, (3520,))
    assert second.choice.candidate.memory_mb == 1024
    assert limit_range(first, first=True, last=False) == "up to 350 ms"
    assert limit_range(second, first=False, last=True) == "from 400 ms"
    assert told.data["rows"] == [2, 3]


def test_answers_that_drift_apart_do_not_share_a_row() -> None:
    """Each is within the tolerance of every other one in its row, not only of its neighbour."""
    told = what_if(alternating([(3456, 5.0), (3520, 5.2), (3584, 5.4)]))
    assert told is not None
    assert [row.choice.candidate.memory_mb for row in told.rows] == [3456, 3584]


def test_verdicts_never_share_a_row() -> None:
    """That a goal is met is another answer than that it may be."""
    document = documents.changed(
        alternating([(3456, 5.0), (3456, 5.0)]), {"goalAlternatives.choices.0.verdict": "UNCERTAIN"}
    )
    told = what_if(document)
    assert told is not None
    assert len(told.rows) == 2


@pytest.mark.parametrize("verdict", get_args(GoalVerdict))
def test_every_verdict_of_a_goal_has_a_colour_and_a_word(verdict: GoalVerdict) -> None:
    """The bar under the slider shows it."""
    assert f".{verdict} {{ background: var(--" in (TEMPLATES / "report.css").read_text(encoding="utf-8")
    assert facts_of(verdict).in_slider
