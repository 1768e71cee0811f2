"""The answer under other limits of the goal is the one that a run with such a goal would choose."""

from __future__ import annotations

import itertools
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.core.search.simulated import SimulatedFunction, problem_of, remembering_draws, search
from tuner.core.answer.recommendation import GoalAlternatives
from tuner.core.model import (
    Candidate,
    LatencyGoal,
    Observation,
    Outcome,
    RunContext,
    SearchProblem,
)
from tuner.core.search import fit as believing
from tuner.core.search import fit_run, goal_alternatives, recommend
from tuner.core.search.alternatives import MOST_STEPS, limits_to_try
from tuner.core.search.decision import decide
from tuner.core.search.fit import FINAL_DRAW_COUNT, SEEN_SHARE, fit_posterior
from tuner.core.search.run_fit import RunFit

SIZES = (128, 192, 256, 384, 512, 768, 1024, 1536, 1769, 2048, 3008)


def fails_below(memory_mb: int) -> SimulatedFunction:
    """A function that needs some memory."""

    def outcome_at(candidate: Candidate) -> Outcome:
        return "out_of_memory" if candidate.memory_mb < memory_mb else "ok"

    return SimulatedFunction(outcome_at=outcome_at)


PROBLEMS: dict[str, tuple[SearchProblem, SimulatedFunction]] = {
    "met": (problem_of(SIZES, goal=LatencyGoal(95, 300)), SimulatedFunction()),
    "a tail": (problem_of(SIZES, goal=LatencyGoal(99.9, 431)), SimulatedFunction(spread=0.15)),
    "out of reach": (problem_of(SIZES, goal=LatencyGoal(95, 60)), SimulatedFunction()),
    "out of memory": (problem_of(SIZES, goal=LatencyGoal(95, 700)), fails_below(384)),
    "no goal": (problem_of(SIZES), SimulatedFunction()),
    "one size": (problem_of((512,), goal=LatencyGoal(95, 500)), SimulatedFunction()),
    "two architectures": (
        problem_of(SIZES, goal=LatencyGoal(95, 300), architectures=("x86_64", "arm64")),
        SimulatedFunction(),
    ),
}


@cache
def ended(name: str) -> tuple[list[Observation], RunFit, GoalAlternatives]:
    """What one search on a problem saw, what follows from it, and the answers under other limits."""
    problem, function = PROBLEMS[name]
    with tempfile.TemporaryDirectory() as folder:
        observations = search(problem, function, Path(folder)).observations
    run_fit = fit_run(problem, observations, RunContext())
    found = goal_alternatives(run_fit)
    assert found is not None
    return observations, run_fit, found


@pytest.mark.parametrize("name", PROBLEMS)
def test_every_step_is_the_choice_of_a_run_with_that_goal(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Size, verdict and probabilities at each limit are what the search answers where that limit is the goal."""
    problem, _ = PROBLEMS[name]
    observations, _, found = ended(name)
    monkeypatch.setattr(believing, "draw_worlds", remembering_draws())
    assert found.percentile == (problem.goal.percentile if problem.goal else 95)
    for step in found.steps:
        asked = replace(problem, goal=LatencyGoal(found.percentile, step.limit_ms))
        fit = fit_posterior(asked, observations, RunContext(), draw_count=FINAL_DRAW_COUNT)
        decision = decide(asked, fit)
        choice = found.choices[step.choice]
        assert choice.candidate == problem.candidates[decision.pick], step
        assert choice.verdict == decision.verdict, step
        assert step.goal_probability == pytest.approx(decision.probability.goal_met, abs=1e-6)
        assert step.confidence == pytest.approx(decision.confidence, abs=1e-6)


@pytest.mark.parametrize("name", [name for name, (problem, _) in PROBLEMS.items() if problem.goal])
def test_the_runs_own_limit_has_the_runs_own_answer(name: str) -> None:
    """What the slider says at the goal is what the report recommends, with the same figures."""
    problem, _ = PROBLEMS[name]
    assert problem.goal is not None
    _, run_fit, found = ended(name)
    own = next(step for step in found.steps if step.limit_ms == problem.goal.limit_ms)
    choice = found.choices[own.choice]
    recommended = recommend(run_fit, stop_reason="").recommended
    assert choice.candidate == recommended.candidate
    assert choice.duration_ms == recommended.duration_ms[f"p{problem.goal.percentile:g}"]
    assert choice.cost_per_million_usd == recommended.cost_per_million_usd
    assert (choice.samples, choice.environments) == (recommended.samples, recommended.environments)


@pytest.mark.parametrize("name", PROBLEMS)
def test_choices_and_steps_cover_each_other(name: str) -> None:
    """Every step lies within its choice's bounds, ascending, and neighbouring choices differ."""
    _, _, found = ended(name)
    limits = [step.limit_ms for step in found.steps]
    assert limits == sorted(set(limits))
    for step in found.steps:
        choice = found.choices[step.choice]
        assert choice.from_limit_ms <= step.limit_ms <= choice.to_limit_ms
    for one, other in itertools.pairwise(found.choices):
        assert one.to_limit_ms < other.from_limit_ms
        assert (one.candidate, one.verdict) != (other.candidate, other.verdict)


def test_the_limits_reach_from_out_of_reach_to_anything_goes() -> None:
    """The lowest limit is met by no size, the highest by the cheapest one or by one that costs next to nothing more."""
    _, _, found = ended("met")
    assert found.choices[0].verdict == "GOAL_NOT_MET"
    assert found.choices[-1].verdict == "GOAL_MET"
    cheapest = min(choice.cost_per_million_usd.estimate for choice in found.choices)
    within = problem_of(SIZES).tolerance * SEEN_SHARE
    assert found.choices[-1].cost_per_million_usd.estimate <= cheapest * (1 + within)


def test_without_a_warm_invocation_there_is_nothing_to_say() -> None:
    """Where nothing can be recommended, there are no alternatives either."""
    assert goal_alternatives(fit_run(PROBLEMS["met"][0], [], RunContext())) is None


@settings(deadline=None)
@given(
    low_ms=st.floats(0.05, 900),
    factor=st.floats(1, 1000),
    own_ms=st.one_of(st.none(), st.floats(0.05, 900_000)),
)
def test_limits_are_few_ascending_and_hold_the_own_one(low_ms: float, factor: float, own_ms: float | None) -> None:
    """From a fraction of a millisecond to Lambda's longest timeout, whatever the spread."""
    limits = limits_to_try(np.array([[low_ms, low_ms * factor]]), own_ms)
    assert 2 <= len(limits) <= MOST_STEPS + 1
    assert all(limit > 0 for limit in limits)
    assert limits == sorted(set(limits))
    assert own_ms is None or own_ms in limits
    assert limits[0] <= low_ms
    assert limits[-1] >= low_ms * factor
