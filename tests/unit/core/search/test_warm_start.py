"""A second night: what earlier runs measured is used while it holds, and dropped when the function changed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest

from tests.unit.core.search.simulated import SimulatedFunction, problem_of
from tuner.core.model import Batch, Candidate, EarlierRun, LatencyGoal, Observation, RunContext, SearchProblem
from tuner.core.search import fit_run, recommend, verify
from tuner.core.search.planning import plan_round
from tuner.core.search.samples import (
    MAX_AGE_DAYS,
    MAX_INVOCATIONS,
    read_samples,
    recent,
    run_covariance,
    with_earlier_outcomes,
)
from tuner.core.search.space import space_of

SIZES = (128, 256, 512, 768, 1024, 1536, 1769, 2048, 3008)
GOAL = LatencyGoal(95, 300.0)
PROBLEM = problem_of(SIZES, goal=GOAL)


def duration_ms(memory_mb: int) -> float:
    """A CPU-bound function with a small floor."""
    return 20 + 800 * 256 / min(memory_mb, 1769)


def night(
    function: SimulatedFunction, earlier: tuple[EarlierRun, ...] = (), problem: SearchProblem = PROBLEM
) -> list[Observation]:
    """Everything that one run measures."""
    observations: list[Observation] = []
    context = RunContext(earlier=earlier)
    for number in range(1, 60):
        plan = plan_round(problem, observations, elapsed_minutes=0.0, context=context)
        if not plan.batches:
            return observations
        observations.extend(
            function.measure(
                Batch(number, len(observations) + 1, b.candidate, b.invocation_count, b.environment_count, b.reason)
            )
            for b in plan.batches
        )
    pytest.fail("the search does not end")


@cache
def first_night() -> EarlierRun:
    """A cold run, a day ago."""
    return EarlierRun("night-1", 1.0, tuple(night(SimulatedFunction(duration_ms))))


def count(observations: list[Observation]) -> int:
    """Invocations."""
    return sum(len(observation.invocations) for observation in observations)


def second_night(change: Callable[[int], float], seed: int = 1) -> tuple[list[Observation], RunContext]:
    """The run after the first one, on a function that may have changed."""
    context = RunContext(earlier=(first_night(),))
    return night(SimulatedFunction(change, seed=seed), context.earlier), context


def test_an_unchanged_function_is_confirmed_with_few_invocations() -> None:
    """Cold starts included, an unchanged night takes less than half of the first one and gives its answer."""
    observations, context = second_night(duration_ms)
    assert count(observations) <= 10
    assert count(observations) < count(list(first_night().observations)) / 2
    cold = recommend(fit_run(PROBLEM, first_night().observations, RunContext()), stop_reason="")
    warm = recommend(fit_run(PROBLEM, observations, context), stop_reason="")
    assert warm.verdict == cold.verdict == "GOAL_MET"
    assert warm.recommended.candidate == cold.recommended.candidate
    start = warm.warm_start
    assert start is not None
    assert start.used
    assert (start.from_run_id, start.age_days) == ("night-1", 1.0)
    assert start.samples > 0
    assert any("earlier runs" in note for note in warm.notes)


def test_samples_are_those_of_this_run() -> None:
    """The result keeps what this run measured apart from what earlier ones did."""
    observations, context = second_night(duration_ms)
    warm = recommend(fit_run(PROBLEM, observations, context), stop_reason="")
    own = sum(not i.cold for o in observations for i in o.invocations)
    assert sum(row.samples for row in warm.configurations) == own
    assert warm.warm_start is not None
    assert sum(row.earlier_samples for row in warm.configurations) == warm.warm_start.samples
    assert warm.recommended.samples > 0


@pytest.mark.parametrize("factor", [1.5, 1 / 1.5], ids=["slower", "faster"])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_function_that_changed_is_noticed(factor: float, seed: int) -> None:
    """Half as slow again, or the other way round: the earlier runs are dropped, and the result says so."""
    observations, context = second_night(lambda memory_mb: factor * duration_ms(memory_mb), seed)
    answer = recommend(fit_run(PROBLEM, observations, context), stop_reason="")
    start = answer.warm_start
    assert start is not None
    assert not start.used
    assert start.samples == 0
    assert start.reason in answer.notes
    assert sum(row.earlier_samples for row in answer.configurations) == 0
    # From there on the whole range is looked at, as in a first night.
    assert {128, 256, 512, 2048} <= {o.candidate.memory_mb for o in observations}
    if answer.verdict == "GOAL_MET":
        assert factor * duration_ms(answer.recommended.candidate.memory_mb) <= GOAL.limit_ms


def test_the_answer_is_checked_where_it_will_run_and_at_another_size() -> None:
    """After the payload check come the likely answer and one size more, each with a reason that names the run."""
    observations, _ = second_night(duration_ms)
    asked = {o.candidate.memory_mb for o in observations if o.round == 2}
    assert len(asked) == 2
    first = [o for o in observations if o.round == 1]
    plan = plan_round(PROBLEM, first, elapsed_minutes=0.0, context=RunContext(earlier=(first_night(),)))
    assert all("run night-1 still holds" in batch.reason for batch in plan.batches)


def test_out_of_memory_where_it_ran_before_is_a_change() -> None:
    """A size that worked and no longer does speaks louder than durations."""
    function = SimulatedFunction(duration_ms, outcome_at=lambda c: "out_of_memory" if c.memory_mb <= 1024 else "ok")
    observations = [function.measure(Batch(2, 1, Candidate(1024, "x86_64"), 2, 1, ""))]
    verified = verify(PROBLEM, observations, RunContext(earlier=(first_night(),)))
    assert not verified.warm_start.used
    assert "1,024 MB x86_64 no longer works" in verified.warm_start.reason
    assert verified.context.earlier == ()


def test_a_size_that_ran_out_of_memory_is_not_asked_for_again() -> None:
    """Facts about sizes hold on while the earlier runs do; an error might have had a cause that is gone."""
    small = SimulatedFunction(duration_ms, outcome_at=lambda c: "out_of_memory" if c.memory_mb <= 512 else "ok")
    run = EarlierRun("night-1", 1.0, tuple(night(small)))
    observations = night(SimulatedFunction(duration_ms, seed=1), (run,))
    assert all(o.candidate.memory_mb > 512 for o in observations)
    failing = SimulatedFunction(duration_ms, outcome_at=lambda _: "function_error")
    observation = failing.measure(Batch(1, 1, Candidate(256, "x86_64"), 2, 1, ""))
    kept = with_earlier_outcomes([], [EarlierRun("old", 1.0, (observation,))])
    assert [o.invocations for o in kept] == [()]


def test_sizes_outside_the_space_are_left_out() -> None:
    """Another night may ask for another space: what lies outside of it is no samples, and no error."""
    narrow = problem_of((512, 1024, 2048), goal=GOAL)
    samples = read_samples(space_of(narrow), (), (first_night(),), run_covariance((first_night(),)))
    assert 0 < samples.warm_count < read_samples(
        space_of(PROBLEM), (), (first_night(),), run_covariance((first_night(),))
    ).warm_count  # fmt: skip
    observations = night(SimulatedFunction(duration_ms, seed=1), (first_night(),), narrow)
    assert recommend(fit_run(narrow, observations, RunContext(earlier=(first_night(),))), stop_reason="").recommended


def test_earlier_runs_without_a_common_size_are_not_used() -> None:
    """Nothing in common: the run is a first one, and says why."""
    other = problem_of((896, 3072), current_mb=896, goal=GOAL)
    verified = verify(other, [], RunContext(earlier=(first_night(),)))
    assert not verified.warm_start.used
    assert "night-1" in verified.warm_start.reason


def test_same_earlier_runs_same_plan() -> None:
    """A warm start is as deterministic as a cold one."""
    assert second_night(duration_ms)[0] == second_night(duration_ms)[0]


def test_the_budget_bounds_a_warm_run_as_well() -> None:
    """Checks that the budget does not cover are not asked for."""
    problem = replace(PROBLEM, budget=replace(PROBLEM.budget, max_invocations=3))
    assert count(night(SimulatedFunction(duration_ms, seed=1), (first_night(),), problem)) <= 3


def test_three_environments_are_asked_for_where_they_can_be_had() -> None:
    """With parallel invocations the answer rests on three environments, those of the night before among them."""
    problem = problem_of(SIZES, goal=GOAL, max_parallel=3)
    observations = night(SimulatedFunction(duration_ms, seed=1), (first_night(),), problem)
    answer = recommend(fit_run(problem, observations, RunContext(earlier=(first_night(),))), stop_reason="")
    recommended = answer.recommended.candidate
    earlier = [o for o in first_night().observations if o.candidate == recommended]
    before = {i.environment for o in earlier for i in o.invocations if not i.cold}
    assert answer.recommended.environments >= 1
    assert answer.recommended.environments + len(before) >= 3


def test_older_runs_tell_less_of_the_level() -> None:
    """This run's own deviation is common to all earlier runs and grows with the age of the latest."""
    young, old = (run_covariance((replace(first_night(), age_days=age),) * 2) for age in (0.0, 30.0))
    assert old[1, 2] > young[1, 2] > 0
    assert young[1, 1] > young[1, 2]
    assert (young[0] == 0).all()
    assert math.isclose(old[1, 1] - old[1, 2], young[1, 1] - young[1, 2])


def test_only_recent_runs_are_read() -> None:
    """The latest first, none that is too old, and no more invocations than help."""
    runs = [replace(first_night(), run_id=f"n{age}", age_days=float(age)) for age in (3, 1, 2, MAX_AGE_DAYS + 1)]
    chosen = recent(runs)
    assert [run.run_id for run in chosen] == ["n1", "n2", "n3"][: len(chosen)]
    assert len(chosen) == min(3, max(1, MAX_INVOCATIONS // count(list(first_night().observations))))
