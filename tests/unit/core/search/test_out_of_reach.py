"""A goal that no size can meet is not searched for."""

from __future__ import annotations

from pathlib import Path

from tests.unit.core.search.simulated import SimulatedFunction, problem_of, suggest
from tuner.core.model import Batch, EarlierRun, LatencyGoal, Observation, RunContext, SearchProblem, TuningBudget
from tuner.core.search import fit_run, open_study, recommend
from tuner.core.search.planning import plan_round


def test_goal_out_of_reach_ends_the_search_early(tmp_path: Path) -> None:
    """Far below the function's floor: the verdict is certain after the first look, and the budget stays unspent."""
    problem = problem_of(goal=LatencyGoal(95, 5), budget=TuningBudget(60, 10, 1000))
    function, study = SimulatedFunction(), open_study(tmp_path / "study.log", "function")
    observations: list[Observation] = []
    while True:
        suggestion = suggest(problem, study, observations, elapsed_minutes=1, context=RunContext())
        if not suggestion.batches:
            break
        observations += [function.measure(batch) for batch in suggestion.batches]
    assert suggestion.stop_reason == "The goal is out of reach."
    assert sum(len(observation.invocations) for observation in observations) <= 25
    answer = recommend(fit_run(problem, observations, RunContext()), stop_reason=suggestion.stop_reason)
    assert answer.verdict == "GOAL_NOT_MET"
    assert answer.recommended.samples > 0


def test_a_goal_that_only_earlier_runs_call_out_of_reach_is_measured_at_the_fastest_size() -> None:
    """A night that starts from an earlier one says GOAL_NOT_MET only of what it saw itself."""
    problem = problem_of((128, 512, 1769, 3008), goal=LatencyGoal(95, 5))
    function = SimulatedFunction()
    context = RunContext(earlier=(EarlierRun("night-1", 0.5, tuple(_measured(problem, function, RunContext()))),))
    observations = _measured(problem, function, context)
    answer = recommend(fit_run(problem, observations, context), stop_reason="")
    assert answer.verdict == "GOAL_NOT_MET"
    assert max(row.samples for row in answer.configurations if row.candidate.memory_mb >= 1769) > 0
    small = [observation for observation in observations if observation.candidate.memory_mb < 1769]
    unseen = recommend(fit_run(problem, small, context), stop_reason="")
    assert unseen.verdict == "UNCERTAIN"


def test_no_size_meets_a_goal_only_if_the_largest_was_looked_at() -> None:
    """Flat up to two vCPUs, and faster with more: no verdict before one of those ran."""
    problem = problem_of(goal=LatencyGoal(95, 700))
    function = SimulatedFunction(lambda memory_mb: 1000.0 if memory_mb <= 3008 else 600.0)
    observations = _measured(problem, function, RunContext())
    answer = recommend(fit_run(problem, observations, RunContext()), stop_reason="")
    assert answer.verdict != "GOAL_NOT_MET"
    assert max(observation.candidate.memory_mb for observation in observations) > 3008


def _measured(problem: SearchProblem, function: SimulatedFunction, context: RunContext) -> list[Observation]:
    """All that a run measures."""
    observations: list[Observation] = []
    while batches := plan_round(problem, observations, elapsed_minutes=0.0, context=context).batches:
        number = len(observations) + 1
        observations += [
            function.measure(Batch(number, number, b.candidate, b.invocation_count, b.environment_count, b.reason))
            for b in batches
        ]
    return observations
