"""A fixed design: exactly what was asked for, whatever the search would have thought of it."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.core.search.simulated import Run, SimulatedFunction, problem_of, search
from tuner.core.errors import NothingMeasured
from tuner.core.model import (
    Candidate,
    FixedDesign,
    Invocation,
    Observation,
    Outcome,
    RunContext,
    SearchProblem,
    TuningBudget,
)
from tuner.core.search.fixed_design import plan_design

SIZES_MB = (128, 256, 512, 1024)
PLENTY = TuningBudget(max_invocations=10_000, max_cost_usd=1000.0, max_minutes=10_000.0)


def design_problem(
    count: int = 6, *, sizes: tuple[int, ...] = SIZES_MB, current_mb: int = 512, budget: TuningBudget = PLENTY
) -> SearchProblem:
    """A problem whose design is *count* invocations at each of *sizes*."""
    problem = problem_of(tuple(sorted({*sizes, current_mb})), current_mb=current_mb, budget=budget)
    return replace(problem, design=FixedDesign(tuple(Candidate(m, "x86_64") for m in sizes), count))


def counts_of(run: Run) -> Counter[int]:
    """Invocations at each memory size."""
    counts = Counter[int]()
    for observation in run.observations:
        counts[observation.candidate.memory_mb] += len(observation.invocations)
    return counts


def test_each_size_gets_exactly_what_was_asked(tmp_path: Path) -> None:
    """The payload check is one of the invocations asked for; after two rounds all are made."""
    run = search(design_problem(), SimulatedFunction(), tmp_path)
    assert counts_of(run) == dict.fromkeys(SIZES_MB, 6)
    first, second, end = run.suggestions
    assert [(batch.candidate.memory_mb, batch.invocation_count) for batch in first.batches] == [(512, 1)]
    assert {batch.candidate.memory_mb: batch.invocation_count for batch in second.batches} == {
        128: 6,
        256: 6,
        512: 5,
        1024: 6,
    }
    assert end.batches == ()
    assert run.recommendation.stopped_because == "Each size was invoked 6 times, as asked."
    assert run.recommendation.recommended.candidate.memory_mb in SIZES_MB
    assert all(row.samples == 5 for row in run.recommendation.configurations)


def test_todays_size_is_neither_invoked_nor_recommended_where_it_was_not_asked_for(tmp_path: Path) -> None:
    """It is estimated by the model, for the comparison; the largest size of the design checks the payload."""
    run = search(
        design_problem(sizes=(256, 1024), current_mb=512), SimulatedFunction(duration_ms=lambda m: 51_200 / m), tmp_path
    )
    assert counts_of(run) == {256: 6, 1024: 6}
    assert run.suggestions[0].batches[0].candidate.memory_mb == 1024
    assert run.recommendation.current is not None
    assert run.recommendation.current.basis == "model"
    assert run.recommendation.recommended.candidate.memory_mb in (256, 1024)


@pytest.mark.parametrize("outcome", ["out_of_memory", "timeout"])
def test_a_size_that_fails_is_a_fact_and_not_the_end(outcome: Outcome, tmp_path: Path) -> None:
    """It gets no further batch; the others get theirs; it is not recommended."""
    function = SimulatedFunction(outcome_at=lambda c: outcome if c.memory_mb == 128 else "ok")
    run = search(design_problem(), function, tmp_path)
    assert {m: n for m, n in counts_of(run).items() if m != 128} == {256: 6, 512: 6, 1024: 6}
    assert run.recommendation.recommended.candidate.memory_mb != 128
    assert run.recommendation.configurations[0].infeasible_reason
    assert run.recommendation.stopped_because == (
        "Each size was invoked 6 times, as asked."
        if counts_of(run)[128] == 6
        else "Each size was invoked 6 times, as asked, but for 1 of 4 sizes that could not be used."
    )


def test_failing_everywhere_is_no_answer(tmp_path: Path) -> None:
    """Every reason is told."""
    function = SimulatedFunction(outcome_at=lambda _: "timeout")
    with pytest.raises(NothingMeasured, match="timeout"):
        search(design_problem(), function, tmp_path)


def test_a_batch_that_ended_early_is_filled_up() -> None:
    """One error in the middle of a batch is not the size's: the missing invocations are asked for again."""
    problem = design_problem(sizes=(512, 1024))
    assert problem.design is not None
    fine = [Invocation(f"r{n}", "ok", cold=n == 0, duration_ms=100.0, billed_ms=101) for n in range(4)]
    error = Invocation("e", "function_error", cold=False, duration_ms=5.0, billed_ms=6, error_type="KeyError")
    observations = [
        Observation(1, 0, Candidate(512, "x86_64"), tuple(fine[:1])),
        Observation(2, 1, Candidate(512, "x86_64"), (*fine[1:3], error)),
        Observation(2, 2, Candidate(1024, "x86_64"), tuple(fine) + tuple(fine[:2])),
    ]
    plan = plan_design(problem, observations, elapsed_minutes=1, context=RunContext())
    assert [(batch.candidate.memory_mb, batch.invocation_count) for batch in plan.batches] == [(512, 2)]


def test_sizes_above_the_accounts_cap_are_left_out() -> None:
    """What cannot be made is not asked for again and again."""
    problem = design_problem()
    assert problem.design is not None
    plan = plan_design(problem, [], elapsed_minutes=0, context=RunContext(memory_cap_mb=300))
    assert [batch.candidate.memory_mb for batch in plan.batches] == [256]


def test_parallel_batches_leave_each_environment_a_warm_invocation() -> None:
    """All at once would be cold starts alone."""
    problem = replace(design_problem(5), max_parallel=5)
    assert problem.design is not None
    first = [Observation(1, 0, Candidate(512, "x86_64"), (Invocation("r", "ok", cold=True, duration_ms=1.0),))]
    plan = plan_design(problem, first, elapsed_minutes=0, context=RunContext())
    assert {batch.candidate.memory_mb: batch.environment_count for batch in plan.batches} == {
        128: 2,
        256: 2,
        512: 2,
        1024: 2,
    }


def test_a_budget_that_is_smaller_is_shared_by_all_sizes() -> None:
    """Where not all can be afforded, no size gets everything and another nothing; then the bound is named."""
    problem = design_problem(6, budget=TuningBudget(max_invocations=9, max_cost_usd=1000, max_minutes=1000))
    assert problem.design is not None
    first = [Observation(1, 0, Candidate(512, "x86_64"), (Invocation("r", "ok", cold=True, duration_ms=1.0),))]
    plan = plan_design(problem, first, elapsed_minutes=0, context=RunContext())
    assert [batch.invocation_count for batch in plan.batches] == [2, 2, 2, 2]
    made = [*first, *(Observation(2, n + 1, b.candidate, first[0].invocations * 2) for n, b in enumerate(plan.batches))]
    ended = plan_design(problem, made, elapsed_minutes=0, context=RunContext())
    assert ended.stop_reason == "The budget of 9 invocations is used up."


def test_the_user_may_end_it() -> None:
    """As any other run."""
    problem = design_problem()
    assert problem.design is not None
    plan = plan_design(problem, [], elapsed_minutes=0, context=RunContext(stop_requested=True))
    assert plan.stop_reason == "You asked the run to end, so it ended with what it had."


@settings(max_examples=15, deadline=None)
@given(
    count=st.integers(2, 9),
    sizes=st.lists(st.sampled_from([128, 192, 256, 512, 1024, 3008]), min_size=1, max_size=4, unique=True),
    current_mb=st.sampled_from([128, 512, 2048]),
    failing=st.sets(st.sampled_from([128, 192, 512]), max_size=2),
)
def test_no_size_gets_more_than_asked_and_every_usable_one_gets_that(
    count: int, sizes: list[int], current_mb: int, failing: set[int]
) -> None:
    """Whatever fails, and wherever today's size is."""
    function = SimulatedFunction(outcome_at=lambda c: "timeout" if c.memory_mb in failing else "ok")
    problem = design_problem(count, sizes=tuple(sorted(sizes)), current_mb=current_mb)
    with tempfile.TemporaryDirectory() as folder:
        try:
            counts = counts_of(search(problem, function, Path(folder)))
        except NothingMeasured:
            assert set(sizes) <= failing | {m for m in sizes if m < max(failing, default=0)}
            return
    assert set(counts) <= set(sizes)
    assert all(counts[m] <= count for m in sizes)
    slow = max((m for m in failing if m in counts), default=0)
    assert all(counts[m] == count for m in sizes if m > slow)
