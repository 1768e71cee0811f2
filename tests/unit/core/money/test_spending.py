"""What was spent is one number, whoever asks: the progress, the report, the budget's stop."""

from __future__ import annotations

import re

import pytest

from tests.unit.core.search.simulated import problem_of
from tests.unit.report.documents import changed, goal_met
from tuner.core.model import Invocation, Observation
from tuner.core.money.pricing import candidate_cost_usd
from tuner.core.money.spending import spent_usd
from tuner.core.search.planning import remaining_budget
from tuner.report.html import render_html
from tuner.report.markdown import render_markdown

PROBLEM = problem_of([512, 1024], timeout_ms=3_000.0)


def ran(duration_ms: float | None, billed_ms: int | None, init_ms: float | None = None) -> Observation:
    """One invocation at today's size, as its record tells."""
    outcome = "ok" if billed_ms is not None else "unmeasured"
    invocation = Invocation("r", outcome, cold=False, duration_ms=duration_ms, billed_ms=billed_ms, init_ms=init_ms)
    return Observation(1, 0, PROBLEM.current, (invocation,))


@pytest.mark.parametrize(
    ("seen", "billed_ms"),
    [(ran(99.2, 100), 100), (ran(99.2, None, 40.0), 140.2), (ran(None, None), 3_000 + 10_000)],
    ids=["with a record", "without what was billed", "without a record"],
)
def test_the_report_and_the_budget_count_alike(seen: Observation, billed_ms: float) -> None:
    """What is not known is counted at the most that it can have cost: an init of ten seconds and the timeout."""
    spent = candidate_cost_usd(PROBLEM, PROBLEM.current, billed_ms)
    assert spent_usd(PROBLEM, [seen]) == pytest.approx(spent)
    assert remaining_budget(PROBLEM, [seen], 0.0).cost_usd == pytest.approx(PROBLEM.budget.max_cost_usd - spent)


def test_the_report_says_at_most_where_a_record_is_missing() -> None:
    """With all records the sum is exact, and is not called a bound."""
    document = goal_met()
    exact, page = render_markdown(document), render_html(document)
    assert "which cost $" in exact
    assert "at most <data" not in page
    lost = {"outcome": "unmeasured", "durationMs": None, "billedMs": None}
    document = changed(document, {f"observations.0.{name}": value for name, value in lost.items()})
    assert "which cost at most $" in render_markdown(document)
    assert re.search(r"invocations, at most <data value=\"[0-9.e-]+\" data-path=\"spentUsd\">", render_html(document))
