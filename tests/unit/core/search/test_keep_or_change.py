"""What a change is worth, under the fit that the recommendation was chosen from."""

from __future__ import annotations

import pytest

from tests.unit.core.search.simulated import SimulatedFunction, problem_of
from tuner.core.answer.recommendation import Recommendation
from tuner.core.model import Batch, Candidate, LatencyGoal, Observation, Outcome, RunContext
from tuner.core.search import fit_run, recommend


def answer(
    durations_ms: dict[int, float],
    current_mb: int,
    goal_ms: float | None,
    *,
    fails_mb: int | None = None,
    count: int = 16,
    spread: float = 0.05,
) -> Recommendation:
    """The recommendation after *count* invocations at each size, on three environments."""

    def outcome(candidate: Candidate) -> Outcome:
        return "out_of_memory" if candidate.memory_mb == fails_mb else "ok"

    function = SimulatedFunction(lambda memory_mb: durations_ms[memory_mb], spread, outcome_at=outcome)
    goal = None if goal_ms is None else LatencyGoal(95, goal_ms)
    problem = problem_of(tuple(durations_ms), current_mb=current_mb, goal=goal, max_parallel=3)
    seen: list[Observation] = [
        function.measure(Batch(1, trial, Candidate(memory_mb, "x86_64"), count, 3, ""))
        for trial, memory_mb in enumerate(durations_ms)
    ]
    return recommend(fit_run(problem, seen, RunContext()), stop_reason="enough")


CURVE = {256: 800.0, 512: 400.0, 640: 325.0, 1024: 210.0, 2048: 195.0}


@pytest.mark.parametrize(
    ("current_mb", "goal_ms", "action", "reason"),
    [
        (2048, None, "change", "saves"),
        (2048, 500.0, "change", "saves"),
        (256, 300.0, "change", "misses_goal"),
        (256, 100.0, "keep", "no_size_meets_goal"),
        (1024, 300.0, "keep", "same"),
        (640, None, "keep", "within_tolerance"),
    ],
)
def test_the_decision_of_a_run(current_mb: int, goal_ms: float | None, action: str, reason: str) -> None:
    """Today's size is changed where it misses the goal or costs clearly more, and is kept else."""
    decision = answer(CURVE, current_mb, goal_ms).decision
    assert decision is not None
    assert (decision.action, decision.reason) == (action, reason)


def test_a_size_that_runs_out_of_memory_is_changed() -> None:
    """What fails today is nothing to keep, whatever it would cost."""
    found = answer(CURVE, 256, None, fails_mb=256)
    assert found.decision is not None
    assert (found.decision.action, found.decision.reason) == ("change", "cannot_be_used")
    assert found.recommended.candidate.memory_mb > 256


def test_the_saving_has_bounds_and_is_the_worth() -> None:
    """Where today's size meets the goal, a change is worth what it saves; its bounds hold the estimate."""
    found = answer(CURVE, 2048, 500.0)
    assert found.decision is not None
    saving = found.decision.saving_ratio
    assert saving is not None
    assert found.saving_ratio is not None
    assert saving.low < found.saving_ratio < saving.high
    assert found.decision.worth_ratio == saving.estimate
    # Both costs share the level: the bounds are closer than those of two costs that know nothing of each other.
    now, then = (row.cost_per_million_usd for row in (found.current, found.recommended) if row is not None)
    assert now is not None
    assert then is not None
    assert saving.high - saving.low < (1 - then.low / now.high) - (1 - then.high / now.low)


def test_a_missed_goal_is_worth_more_than_its_price() -> None:
    """A more expensive size that meets the goal is worth the change, though it saves nothing."""
    found = answer({512: 400.0, 1024: 300.0}, 512, 350.0)
    assert found.decision is not None
    assert (found.decision.reason, found.recommended.candidate.memory_mb) == ("misses_goal", 1024)
    assert found.decision.worth_ratio is not None
    assert found.saving_ratio is not None
    assert found.saving_ratio < 0 < found.decision.worth_ratio


def test_both_probabilities_are_told() -> None:
    """That the recommended size meets the goal, and that none does, are two numbers."""
    met, missed = answer(CURVE, 1024, 300.0).probability, answer(CURVE, 1024, 100.0).probability
    assert met.goal_met is not None
    assert met.no_size_meets is not None
    assert missed.no_size_meets is not None
    assert met.goal_met > 0.9 > 0.1 > met.no_size_meets
    assert missed.no_size_meets > 0.9
    assert answer(CURVE, 1024, None).probability.no_size_meets is None


def test_a_saving_that_is_not_clear_is_no_reason_to_change() -> None:
    """With few and noisy samples two sizes may cost the same: today's stays, though the best estimate saves more."""
    durations_ms = {512: 300.0, 640: 290.0}
    few = answer(durations_ms, 640, None, count=8, spread=0.4).decision
    many = answer(durations_ms, 640, None, count=20, spread=0.2).decision
    assert few is not None
    assert few.saving_ratio is not None
    assert few.worth_ratio is not None
    assert few.worth_ratio > 0.05 > 0 > few.saving_ratio.low
    assert (few.action, few.reason) == ("keep", "within_tolerance")
    assert many is not None
    assert (many.action, many.reason) == ("change", "saves")
