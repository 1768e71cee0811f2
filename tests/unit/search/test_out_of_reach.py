"""A goal that no size can meet is not searched for."""

from __future__ import annotations

from pathlib import Path

from tests.unit.search.simulated import SimulatedFunction, problem_of
from tuner.core.model import Facts, LatencyGoal, Observation, TuningBudget
from tuner.core.search import conclude, open_study, recommend, suggest


def test_goal_out_of_reach_ends_the_search_early(tmp_path: Path) -> None:
    """Far below the function's floor: the verdict is certain after the first look, and the budget stays unspent."""
    problem = problem_of(goal=LatencyGoal(95, 5), budget=TuningBudget(60, 10, 1000))
    function, study = SimulatedFunction(), open_study(tmp_path / "study.log", "function")
    observations: list[Observation] = []
    while True:
        suggestion = suggest(problem, study, observations, elapsed_minutes=1, facts=Facts())
        if not suggestion.batches:
            break
        observations += [function.measure(batch) for batch in suggestion.batches]
    assert suggestion.stop_reason == "The goal is out of reach."
    assert sum(len(observation.invocations) for observation in observations) <= 25
    answer = recommend(conclude(problem, observations, Facts()), stop_reason=suggestion.stop_reason)
    assert answer.verdict == "GOAL_NOT_MET"
    assert answer.recommended.samples > 0
