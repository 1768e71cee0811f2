"""The answers under other goals, as the page lists them."""

from __future__ import annotations

import copy
from typing import Any

from tests.unit.report import documents
from tuner.report.what_if import limit_range, what_if


def alternating(sizes_and_costs: list[tuple[int, float]]) -> dict[str, Any]:
    """A run whose answers under ascending limits have these sizes and costs."""
    document = copy.deepcopy(documents.goal_met())
    alternatives = document["goalAlternatives"]
    model = next(choice for choice in alternatives["choices"] if choice["verdict"] == "GOAL_MET")
    step = alternatives["steps"][0]
    alternatives["choices"], alternatives["steps"] = [], []
    for index, (size, cost) in enumerate(sizes_and_costs):
        limit = 100.0 * (index + 1)
        changed = {"memoryMb": size, "fromLimitMs": limit, "toLimitMs": limit + 50}
        price = {"estimate": cost, "low": cost, "high": cost}
        alternatives["choices"].append({**model, **changed, "costPerMillionUsd": price})
        for place in range(3 if size == 3456 else 1):
            alternatives["steps"].append({**step, "limitMs": limit + place, "choice": index})
    return document


def test_answers_within_the_tolerance_share_a_row() -> None:
    """Sizes that take turns at the same cost are one answer, named by the one that most limits have."""
    told = what_if(alternating([(3456, 5.0), (3520, 5.1), (3456, 5.0), (1024, 2.0)]))
    assert told is not None
    first, second = told.rows
    assert (first.choice["memoryMb"], first.others_mb, second.choice["memoryMb"]) == (3456, (3520,), 1024)
    assert limit_range(first, first=True, last=False) == "up to 350 ms"
    assert limit_range(second, first=False, last=True) == "from 400 ms"
    assert told.data["rows"] == [2, 3]


def test_answers_that_drift_apart_do_not_share_a_row() -> None:
    """Each is within the tolerance of every other one in its row, not only of its neighbour."""
    told = what_if(alternating([(3456, 5.0), (3520, 5.2), (3584, 5.4)]))
    assert told is not None
    assert [row.choice["memoryMb"] for row in told.rows] == [3456, 3584]


def test_verdicts_never_share_a_row() -> None:
    """That a goal is met is another answer than that it may be."""
    document = alternating([(3456, 5.0), (3456, 5.0)])
    document["goalAlternatives"]["choices"][0]["verdict"] = "UNCERTAIN"
    told = what_if(document)
    assert told is not None
    assert len(told.rows) == 2
