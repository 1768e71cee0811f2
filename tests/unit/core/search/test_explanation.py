"""Why the answer is what it is: the curve, the neighbours, and what more invocations would buy."""

from __future__ import annotations

import itertools
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.core.search.simulated import ALL_SIZES, SimulatedFunction, problem_of
from tuner.core.answer.recommendation import Explanation
from tuner.core.model import (
    Batch,
    EarlierRun,
    LatencyGoal,
    Observation,
    RunContext,
    SearchProblem,
    TuningBudget,
)
from tuner.core.search import explain, fit_run, recommend
from tuner.core.search.cpu_quota import burst_ms
from tuner.core.search.explanation import MORE_INVOCATIONS
from tuner.core.search.planning import plan_round

FEW_SIZES = (128, 512, 1024, 2048)


def measured(
    problem: SearchProblem, function: SimulatedFunction, rounds: int = 60, earlier: tuple[EarlierRun, ...] = ()
) -> list[Observation]:
    """What some rounds of a run measure; each batch is checked as it is asked for."""
    observations: list[Observation] = []
    killed_mb = 0
    for number in range(1, rounds + 1):
        plan = plan_round(problem, observations, elapsed_minutes=0.0, context=RunContext(earlier=earlier))
        asked = sum(batch.invocation_count for batch in plan.batches)
        assert sum(len(o.invocations) for o in observations) + asked <= problem.budget.max_invocations
        for batch in plan.batches:
            assert batch.candidate in problem.candidates
            assert batch.candidate.memory_mb > killed_mb
        if not plan.batches:
            break
        observations.extend(
            function.measure(
                Batch(number, len(observations), b.candidate, b.invocation_count, b.environment_count, b.reason)
            )
            for b in plan.batches
        )
        killed_mb = max(
            (o.candidate.memory_mb for o in observations for i in o.invocations if i.outcome == "out_of_memory"),
            default=0,
        )
    return observations


@cache
def explained(limit_ms: float | None, rounds: int = 60) -> tuple[list[Observation], SearchProblem, Explanation]:
    """A run on few sizes, and its explanation."""
    goal = None if limit_ms is None else LatencyGoal(95, limit_ms)
    problem = problem_of(FEW_SIZES, goal=goal)
    observations = measured(problem, SimulatedFunction(), rounds)
    explanation = explain(fit_run(problem, observations, RunContext()))
    assert explanation is not None
    return observations, problem, explanation


def test_the_curve_goes_between_the_sizes() -> None:
    """Few sizes still have a whole curve, whose band holds the truth at a size that was never run."""
    _, _, explanation = explained(300.0)
    sizes = [point.candidate.memory_mb for point in explanation.curve]
    assert len(sizes) > 30
    assert sizes == sorted(sizes)
    assert (sizes[0], sizes[-1]) == (128, 2048)
    between = min(explanation.curve, key=lambda point: abs(point.candidate.memory_mb - 730))
    truth_ms = 20 + 800 * 256 / between.candidate.memory_mb
    assert between.mean_ms.low <= truth_ms <= between.mean_ms.high
    assert between.goal_ms is not None
    assert between.goal_ms.estimate > between.mean_ms.estimate


def test_without_a_goal_the_curve_has_its_mean_only() -> None:
    """No percentile was asked for, so none is shown."""
    _, _, explanation = explained(None)
    assert {point.goal_ms for point in explanation.curve} == {None}
    assert {row.goal_probability for row in explanation.neighbours} == {None}


@pytest.mark.parametrize(("step_mb", "from_mb"), [(64, (768, 768)), (16, (736, 768))])
def test_a_short_function_is_explained_by_its_last_step(step_mb: int, from_mb: tuple[int, int]) -> None:
    """With its CPU time, where the step lies, and what the size before it would take and cost; the curve shows it."""
    sizes_mb = tuple(range(128, 2049, step_mb))
    starts = itertools.cycle((0.0, 3.25, 7.0))
    function = SimulatedFunction(lambda mb: burst_ms(mb, 17.3, next(starts)), spread=0.01)
    problem = problem_of(sizes_mb, current_mb=1024)
    explanation = explain(fit_run(problem, measured(problem, function), RunContext()))
    assert explanation is not None
    steps = explanation.cpu_steps
    assert steps is not None
    assert steps.step is not None
    assert steps.cpu_ms == pytest.approx(17.3, rel=0.06)
    assert from_mb[0] <= steps.step.from_memory_mb <= from_mb[1]
    assert 640 <= steps.step.below_memory_mb < steps.step.from_memory_mb
    assert 10 < steps.step.longer_ms < 22
    assert 0.1 < steps.step.extra_cost_ratio < 0.4
    below, after = (
        min(explanation.curve, key=lambda point, mb=mb: abs(point.candidate.memory_mb - mb))  # type: ignore[misc]
        for mb in (steps.step.below_memory_mb, steps.step.from_memory_mb)
    )
    assert below.mean_ms.low > after.mean_ms.high


def test_a_long_function_has_no_steps() -> None:
    """They would be too small to matter."""
    assert explained(300.0)[2].cpu_steps is None


def test_each_neighbour_says_what_it_would_have_lost() -> None:
    """A smaller size may miss the goal, a larger one costs more; the recommended one is not its own neighbour."""
    observations, problem, explanation = explained(300.0)
    answer = recommend(fit_run(problem, observations, RunContext()), stop_reason="")
    pick_mb = answer.recommended.candidate.memory_mb
    rows = {row.candidate.memory_mb: row for row in explanation.neighbours}
    assert pick_mb == 1024
    assert set(rows) == {512, 2048}
    assert "its chance of meeting the goal is less than 1%" in rows[512].why
    larger = rows[2048]
    assert larger.extra_cost_ratio is not None
    assert larger.extra_cost_ratio.low <= larger.extra_cost_ratio.estimate <= larger.extra_cost_ratio.high
    assert "more" in larger.why


def test_a_size_that_cannot_be_used_says_why() -> None:
    """Out of memory is a reason by itself: no cost, no probability."""
    problem = problem_of(FEW_SIZES)
    function = SimulatedFunction(outcome_at=lambda c: "out_of_memory" if c.memory_mb <= 512 else "ok")
    explanation = explain(fit_run(problem, measured(problem, function), RunContext()))
    assert explanation is not None
    row = next(row for row in explanation.neighbours if row.candidate.memory_mb == 512)
    assert (row.extra_cost_ratio, row.goal_probability) == (None, None)
    assert "ran out of memory" in row.why


def test_more_invocations_are_priced_where_the_verdict_is_open() -> None:
    """After a first look it is uncertain: what 10, 20 and 50 more would buy; nothing of it where it is decided."""
    problem = problem_of((512, 1024), goal=LatencyGoal(95, 240.0))
    observations = measured(problem, SimulatedFunction(spread=0.2), rounds=2)
    assert recommend(fit_run(problem, observations, RunContext()), stop_reason="").verdict == "UNCERTAIN"
    explanation = explain(fit_run(problem, observations, RunContext()))
    assert explanation is not None
    rows = explanation.more_invocations
    assert tuple(row.invocations for row in rows) == MORE_INVOCATIONS
    assert all(0 <= row.verdict_probability <= 1 for row in rows)
    assert rows[-1].verdict_probability > 0.2
    assert explained(300.0)[2].more_invocations == ()


def test_the_same_run_is_explained_the_same() -> None:
    """An explanation is a pure function of the run."""
    observations, problem, explanation = explained(300.0)
    assert explain(fit_run(problem, observations, RunContext())) == explanation


def test_nothing_measured_is_nothing_to_explain() -> None:
    """A run whose invocations all failed has no curve."""
    problem = problem_of(FEW_SIZES)
    observations = measured(problem, SimulatedFunction(outcome_at=lambda _: "function_error"))
    assert explain(fit_run(problem, observations, RunContext())) is None


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    sizes=st.lists(st.sampled_from(ALL_SIZES), min_size=1, max_size=8, unique=True),
    later=st.lists(st.sampled_from(ALL_SIZES), min_size=1, max_size=8, unique=True),
    factor=st.floats(0.3, 3.0),
    max_invocations=st.integers(1, 30),
    bad_below_mb=st.integers(0, 1100),
    limit_ms=st.floats(5, 2000),
)
def test_what_always_holds_on_a_second_night(
    sizes: list[int], later: list[int], factor: float, max_invocations: int, bad_below_mb: int, limit_ms: float
) -> None:
    """Whatever the night before saw: within the budget, inside the space, nothing ruled out, no met goal over it."""
    goal = LatencyGoal(95, limit_ms)
    before = problem_of(sorted({*sizes, 1024}), goal=goal)
    earlier = (EarlierRun("night-1", 1.0, tuple(measured(before, SimulatedFunction()))),)
    budget = TuningBudget(max_invocations=max_invocations, max_cost_usd=10.0, max_minutes=1000.0)
    problem = problem_of(sorted({*later, 1024}), current_mb=1024, goal=goal, budget=budget)
    function = SimulatedFunction(
        duration_ms=lambda m: factor * (20 + 800 * 256 / min(m, 1769)),
        seed=1,
        outcome_at=lambda c: "out_of_memory" if c.memory_mb < bad_below_mb and c.memory_mb != 1024 else "ok",
    )
    observations = measured(problem, function, earlier=earlier)
    if not any(not i.cold and i.outcome == "ok" for o in observations for i in o.invocations):
        return
    answer = recommend(fit_run(problem, observations, RunContext(earlier=earlier)), stop_reason="")
    assert answer.recommended.infeasible_reason is None
    if answer.verdict == "GOAL_MET":
        assert answer.recommended.duration_ms["p95"].estimate <= limit_ms
