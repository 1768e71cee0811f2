"""The loop of a run, on simulated functions: what it finds, and what must always hold."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from dataclasses import astuple, replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.core.search.simulated import (
    ALL_SIZES,
    SimulatedFunction,
    measure_until_stop,
    problem_of,
    search,
    suggest,
)
from tuner.core.answer.recommendation import Recommendation
from tuner.core.errors import NothingMeasured, RunInterrupted
from tuner.core.model import (
    Batch,
    Candidate,
    LatencyGoal,
    Observation,
    Outcome,
    RunContext,
    SearchProblem,
    TuningBudget,
)
from tuner.core.money.spending import spent_usd
from tuner.core.search import fit_run, open_study, payload_failure, recommend
from tuner.core.search.planning import RoundPlan, plan_round
from tuner.core.search.space import space_of

FEW_SIZES = (128, 256, 512, 1024, 1769, 2048, 3008)


def test_finds_the_size_that_meets_the_goal(tmp_path: Path) -> None:
    """On a well-behaved function the goal is met within the budget, at a cost close to the best: four times of four."""
    goal = LatencyGoal(95, 300.0)
    for seed in range(4):
        problem = problem_of(goal=goal, seed=seed, max_parallel=3)
        run = search(problem, SimulatedFunction(seed=seed), tmp_path / str(seed))
        answer = run.recommendation
        assert answer.verdict == "GOAL_MET"
        assert run.invocation_count <= 50
        # 20 + 204,800 / m ≤ 300 / exp(1.645 · 0.05) is met from 800 MB on.
        assert 768 <= answer.recommended.candidate.memory_mb <= 1100
        assert answer.recommended.environments >= 3
        assert answer.recommended.duration_ms["p95"].estimate <= 300


def test_says_when_no_size_meets_the_goal(tmp_path: Path) -> None:
    """A limit under the floor is out of reach, and the answer is the fastest there is."""
    run = search(problem_of(goal=LatencyGoal(95, 15.0)), SimulatedFunction(), tmp_path)
    assert run.recommendation.verdict == "GOAL_NOT_MET"
    assert run.recommendation.recommended.candidate.memory_mb >= 1500


def test_without_a_goal_the_cheapest_is_recommended(tmp_path: Path) -> None:
    """No goal: the least cost, which for a waiting function is the smallest size."""
    function = SimulatedFunction(duration_ms=lambda _: 100.0)
    run = search(problem_of(current_mb=1024), function, tmp_path)
    answer = run.recommendation
    assert answer.verdict == "NO_GOAL"
    assert answer.recommended.candidate.memory_mb == 128
    assert answer.probability.goal_met is None
    assert answer.saving_ratio is not None
    assert answer.saving_ratio > 0.7


def test_round_one_checks_the_payload_at_the_current_size(tmp_path: Path) -> None:
    """The first round is one invocation at the current size."""
    problem = problem_of(current_mb=512)
    first = suggest(problem, open_study(tmp_path / "s", "f"), [], elapsed_minutes=0, context=RunContext())
    assert [(b.candidate.memory_mb, b.invocation_count, b.round) for b in first.batches] == [(512, 1, 1)]


def test_payload_failure_names_the_invocation(tmp_path: Path) -> None:
    """A function that fails at its current size is found out by that one invocation."""
    problem = problem_of()
    function = SimulatedFunction(outcome_at=lambda _: "function_error")
    first = suggest(problem, open_study(tmp_path / "s", "f"), [], elapsed_minutes=0, context=RunContext())
    failure = payload_failure([function.measure(first.batches[0])])
    assert failure is not None
    assert failure.error_type == "ValueError"
    assert payload_failure([SimulatedFunction().measure(first.batches[0])]) is None


@pytest.mark.parametrize("sizes", [(1024,), (512, 1024), (128, 10240)])
@pytest.mark.parametrize("goal", [None, LatencyGoal(95, 400.0)])
def test_few_sizes(tmp_path: Path, sizes: tuple[int, ...], goal: LatencyGoal | None) -> None:
    """One size or two are a space like any other."""
    run = search(problem_of(sizes, goal=goal), SimulatedFunction(), tmp_path)
    assert run.recommendation.recommended.candidate.memory_mb in sizes
    assert run.recommendation.stopped_because


@pytest.mark.parametrize(
    ("duration_ms", "spread"),
    [
        (lambda _: 100.0, 0.0),
        (lambda m: 0.4 * 128 / m + 0.05, 0.1),
        (lambda m: 5000 * 128 / m, 1.3),
        (lambda _: 0.0, 0.0),
    ],
    ids=["constant", "under a millisecond", "noise above 100 %", "zero"],
)
def test_odd_durations(tmp_path: Path, duration_ms: object, spread: float) -> None:
    """Constant durations, durations under 1 ms and wild noise end with finite estimates."""
    function = SimulatedFunction(duration_ms=duration_ms, spread=spread)  # type: ignore[arg-type]
    run = search(problem_of(goal=LatencyGoal(95, 2000.0)), function, tmp_path)
    for configuration in run.recommendation.configurations:
        for interval in configuration.duration_ms.values():
            assert 0 < interval.low <= interval.estimate <= interval.high < math.inf


def test_goal_equal_to_the_floor(tmp_path: Path) -> None:
    """A limit that the plateau just meets ends in some verdict, at a size of the plateau."""
    function = SimulatedFunction(duration_ms=lambda m: 100 * max(128 / m, 128 / 1024), spread=0.0)
    run = search(problem_of(goal=LatencyGoal(95, 12.5)), function, tmp_path)
    assert run.recommendation.recommended.candidate.memory_mb >= 896


def test_extreme_percentile_is_uncertain_where_only_the_assumed_tail_speaks(tmp_path: Path) -> None:
    """p99.9 cannot be claimed from some dozens of samples."""
    run = search(problem_of(goal=LatencyGoal(99.9, 200.0)), SimulatedFunction(), tmp_path)
    assert run.recommendation.verdict == "UNCERTAIN"
    assert "p99.9" in run.recommendation.recommended.duration_ms


def test_out_of_memory_rules_out_the_smaller_sizes(tmp_path: Path) -> None:
    """After one kill at 256 MB nothing at or below it is asked for or recommended."""
    function = SimulatedFunction(outcome_at=lambda c: "out_of_memory" if c.memory_mb <= 256 else "ok")
    run = search(problem_of(), function, tmp_path)
    assert run.recommendation.recommended.candidate.memory_mb > 256
    by_size = {c.candidate.memory_mb: c for c in run.recommendation.configurations}
    assert by_size[256].infeasible_reason
    asked = [(s, b) for s, suggestion in enumerate(run.suggestions) for b in suggestion.batches]
    first_kill = min(s for s, b in asked if b.candidate.memory_mb <= 256)
    assert all(b.candidate.memory_mb > 256 for s, b in asked if s > first_kill)


def test_every_size_fails(tmp_path: Path) -> None:
    """Nothing to recommend is an error that names every reason."""
    outcomes: dict[int, Outcome] = {128: "out_of_memory", 512: "timeout", 1024: "function_error"}
    problem = problem_of((128, 512, 1024))
    function = SimulatedFunction(outcome_at=lambda c: outcomes[c.memory_mb])
    suggestions, observations = measure_until_stop(problem, function, tmp_path)
    with pytest.raises(NothingMeasured) as error:
        recommend(fit_run(problem, observations, RunContext()), stop_reason=suggestions[-1].stop_reason or "")
    for memory_mb in ("128 MB", "512 MB", "1,024 MB"):
        assert memory_mb in error.value.message


def test_lost_logs_say_nothing_and_end_within_the_budget(tmp_path: Path) -> None:
    """Unmeasured invocations count against the budget but rule nothing out."""
    function = SimulatedFunction(outcome_at=lambda _: "unmeasured")
    problem = problem_of(FEW_SIZES)
    suggestions, observations = measure_until_stop(problem, function, tmp_path)
    assert sum(len(o.invocations) for o in observations) <= 50
    with pytest.raises(NothingMeasured, match="left no record"):
        recommend(fit_run(problem, observations, RunContext()), stop_reason=suggestions[-1].stop_reason or "")


def test_stop_on_request(tmp_path: Path) -> None:
    """A requested stop ends the search at its next step; with nothing measured it is an interruption."""
    problem = problem_of()
    stop = RunContext(stop_requested=True)
    ended = suggest(problem, open_study(tmp_path / "s", "f"), [], elapsed_minutes=0, context=stop)
    assert not ended.batches
    assert ended.stop_reason
    with pytest.raises(RunInterrupted):
        recommend(fit_run(problem, [], stop), stop_reason=ended.stop_reason)


def test_account_cap_clips_the_space(tmp_path: Path) -> None:
    """No size above the cap is asked for or recommended, and the report says why."""
    run = search(problem_of(), SimulatedFunction(), tmp_path, RunContext(memory_cap_mb=1536))
    assert all(b.candidate.memory_mb <= 1536 for s in run.suggestions for b in s.batches)
    largest = run.recommendation.configurations[-1]
    assert largest.infeasible_reason is not None
    assert "1,536" in largest.infeasible_reason


def test_peak_memory_gives_a_floor(tmp_path: Path) -> None:
    """A size whose peak memory passes 90 % of it is not recommended, however cheap."""
    function = SimulatedFunction(duration_ms=lambda _: 100.0, peak_mb=lambda _: 240)
    run = search(problem_of(), function, tmp_path)
    assert run.recommendation.recommended.candidate.memory_mb >= 240 / 0.9


def test_asks_for_several_environments_where_they_can_be_had(tmp_path: Path) -> None:
    """With parallel invocations the recommended size has run on three environments."""
    run = search(problem_of(FEW_SIZES, goal=LatencyGoal(95, 300.0), max_parallel=3), SimulatedFunction(), tmp_path)
    assert run.recommendation.recommended.environments >= 3


def test_second_architecture_in_one_study(tmp_path: Path) -> None:
    """Both architectures are measured, and the cheaper one is recommended."""
    problem = problem_of(architectures=("x86_64", "arm64"))
    run = search(problem, SimulatedFunction(), tmp_path)
    assert run.recommendation.recommended.candidate.architecture == "arm64"


def test_architecture_that_does_not_start(tmp_path: Path) -> None:
    """A function that fails on the other architecture rules it out, with its reason."""
    problem = problem_of(architectures=("x86_64", "arm64"))
    function = SimulatedFunction(outcome_at=lambda c: "function_error" if c.architecture == "arm64" else "ok")
    run = search(problem, function, tmp_path)
    assert run.recommendation.recommended.candidate.architecture == "x86_64"
    reasons = {c.infeasible_reason for c in run.recommendation.configurations if c.candidate.architecture == "arm64"}
    assert all(reason and "ValueError" in reason for reason in reasons)


_curves = st.builds(
    lambda floor_ms, work_ms, saturation_mb: lambda m: floor_ms + work_ms * 128 / min(m, saturation_mb),
    st.floats(0.1, 300),
    st.floats(0.0, 20_000),
    st.integers(200, 10_240),
)
_outcomes = st.sampled_from(["ok", "ok", "ok", "out_of_memory", "timeout", "function_error", "unmeasured"])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    curve=_curves,
    spread=st.floats(0, 0.6),
    limit_ms=st.one_of(st.none(), st.floats(1, 20_000)),
    max_invocations=st.integers(1, 30),
    max_cost_usd=st.floats(1e-6, 0.05),
    bad_below_mb=st.integers(0, 1100),
    bad=_outcomes,
    max_parallel=st.integers(1, 4),
    data=st.data(),
)
def test_what_always_holds(
    curve: object,
    spread: float,
    limit_ms: float | None,
    max_invocations: int,
    max_cost_usd: float,
    bad_below_mb: int,
    bad: Outcome,
    max_parallel: int,
    data: st.DataObject,
) -> None:
    """Never past the budget at its worst, no ask outside the space or ruled out, GOAL_MET never over its goal."""
    sizes = data.draw(st.lists(st.sampled_from(ALL_SIZES), min_size=1, max_size=12, unique=True))
    budget = TuningBudget(max_invocations=max_invocations, max_cost_usd=max_cost_usd, max_minutes=500)
    goal = LatencyGoal(95, limit_ms) if limit_ms else None
    problem = problem_of(sorted(sizes), goal=goal, budget=budget, max_parallel=max_parallel, timeout_ms=3000.0)
    function = SimulatedFunction(
        duration_ms=lambda m: min(curve(m), 2900.0),  # type: ignore[operator]
        spread=0.0 if spread < 0.001 else min(spread, 0.6),
        outcome_at=lambda c: bad if c.memory_mb < bad_below_mb and c != problem.current else "ok",
    )
    space = space_of(problem)
    observations: list[Observation] = []
    for _ in range(100):
        plan = plan_round(problem, observations, elapsed_minutes=0.0, context=RunContext())
        if not plan.batches:
            break
        killed_mb = max(
            (o.candidate.memory_mb for o in observations for i in o.invocations if i.outcome == "out_of_memory"),
            default=0,
        )
        worst_usd = spent_usd(problem, observations)
        count = sum(len(o.invocations) for o in observations)
        for batch in plan.batches:
            assert batch.candidate in problem.candidates
            assert batch.candidate.memory_mb > killed_mb
            index = space.index_of(batch.candidate)
            count += batch.invocation_count
            worst_usd += batch.invocation_count * (3000 * space.usd_per_ms[index] + space.usd_per_request[index])
        assert count <= max_invocations
        assert worst_usd <= max_cost_usd
        observations.extend(
            function.measure(
                Batch(
                    len(observations) + 1,
                    len(observations),
                    b.candidate,
                    b.invocation_count,
                    b.environment_count,
                    b.reason,
                )
            )
            for b in plan.batches
        )
    else:
        pytest.fail("the search does not end")
    try:
        answer = recommend(fit_run(problem, observations, RunContext()), stop_reason=plan.stop_reason or "")
    except NothingMeasured:
        return
    assert answer.recommended.infeasible_reason is None
    if answer.verdict == "GOAL_MET":
        assert goal is not None
        assert answer.recommended.duration_ms["p95"].estimate <= goal.limit_ms
        assert answer.confidence >= problem.confidence
    for share in astuple(answer.probability):
        assert share is None or 0 <= share <= 1


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 1000), limit_ms=st.floats(100, 2000))
def test_same_seed_same_study(seed: int, limit_ms: float) -> None:
    """Two runs with the same seed and the same answers ask for the same batches and recommend the same."""
    problem = problem_of(FEW_SIZES, goal=LatencyGoal(95, limit_ms), seed=seed)
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        first = search(problem, SimulatedFunction(seed=seed), Path(one))
        second = search(problem, SimulatedFunction(seed=seed), Path(two))
    assert first.suggestions == second.suggestions
    assert first.recommendation == second.recommendation


def decided(problem: SearchProblem, observations: Sequence[Observation]) -> tuple[RoundPlan, Recommendation]:
    """What follows from *observations*: what to do next, and the answer if that is nothing."""
    plan = plan_round(problem, observations, elapsed_minutes=0, context=RunContext())
    return plan, recommend(fit_run(problem, observations, RunContext()), stop_reason="")


@cache
def in_order() -> tuple[SearchProblem, list[Observation], tuple[RoundPlan, Recommendation]]:
    """A search's first observations, and what follows from them as they came."""
    problem = problem_of(FEW_SIZES, goal=LatencyGoal(95, 300.0))
    with tempfile.TemporaryDirectory() as folder:
        _, observations = measure_until_stop(problem, SimulatedFunction(), Path(folder))
    return problem, observations[:7], decided(problem, observations[:7])


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(order=st.randoms(use_true_random=False))
def test_order_of_equal_observations_does_not_matter(order: object) -> None:
    """Shuffled observations, and shuffled invocations inside them, lead to the same plan and answer."""
    problem, part, expected = in_order()
    shuffled = []
    for observation in part:
        invocations = list(observation.invocations)
        order.shuffle(invocations)  # type: ignore[attr-defined]
        shuffled.append(replace(observation, invocations=tuple(invocations)))
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    assert decided(problem, shuffled) == expected


def test_minutes_are_part_of_the_budget(tmp_path: Path) -> None:
    """No batch is asked for that could end after the last minute."""
    problem = replace(problem_of(), budget=TuningBudget(50, 10.0, 5.0), timeout_ms=60_000.0)
    study = open_study(tmp_path / "s", "f")
    assert suggest(problem, study, [], elapsed_minutes=0, context=RunContext()).batches
    late = suggest(problem, study, [], elapsed_minutes=4.5, context=RunContext())
    assert not late.batches


def test_candidates_order_is_free() -> None:
    """Sizes of two architectures need no order of their own."""
    problem = problem_of((128, 1024), architectures=("x86_64", "arm64"))
    assert Candidate(128, "arm64") in problem.candidates
