"""The best size so far: what the samples alone say."""

from __future__ import annotations

from dataclasses import replace

from tuner.core.answer.best_so_far import best_so_far
from tuner.core.model import (
    ArchitecturePrices,
    Candidate,
    Invocation,
    LatencyGoal,
    Observation,
    Outcome,
    SearchProblem,
)

SIZES = [Candidate(size, "x86_64") for size in (128, 512, 1024)]


def problem(goal: LatencyGoal | None) -> SearchProblem:
    """Three sizes at one price."""
    prices = ArchitecturePrices(0.0000166667, 0.0000002, 0.0000000309)
    return SearchProblem(tuple(SIZES), SIZES[2], goal, {"x86_64": prices}, 30_000)


def batch(candidate: Candidate, *durations_ms: float, cold: bool = False, outcome: Outcome = "ok") -> Observation:
    """Invocations at one size."""
    invocations = tuple(
        Invocation("id", outcome, cold, duration_ms=duration_ms, billed_ms=round(duration_ms))
        for duration_ms in durations_ms
    )
    return Observation(1, 0, candidate, invocations)


def test_the_cheapest_size_whose_slowest_invocation_meets_the_goal() -> None:
    """A size with one invocation above the goal is not the best, however cheap."""
    seen = [batch(SIZES[0], 900, 1100), batch(SIZES[1], 300), batch(SIZES[1], 350), batch(SIZES[2], 190, 200)]
    best = best_so_far(problem(LatencyGoal(95, 1000)), seen)
    assert best is not None
    assert (best.candidate.memory_mb, best.slowest_ms) == (512, 350)
    without = best_so_far(problem(None), seen)
    assert without is not None
    assert without.candidate.memory_mb == 128


def test_cold_and_failed_invocations_are_no_samples() -> None:
    """A size that failed, or was only seen cold, is not the best; with nothing left there is none."""
    seen = [batch(SIZES[0], 10, outcome="out_of_memory"), batch(SIZES[0], 10), batch(SIZES[1], 10, cold=True)]
    assert best_so_far(problem(None), seen) is None
    assert best_so_far(problem(None), []) is None


def test_what_other_work_disturbed_too_much_is_no_sample() -> None:
    """A duration that may be off by half of itself makes no size the best, as it does not at the run's end."""
    (fast,) = batch(SIZES[0], 0.7).invocations
    disturbed = replace(fast, core_wait_ms=27.0, core_wait_error_ms=2.7)
    best = best_so_far(problem(None), [Observation(1, 0, SIZES[0], (disturbed,)), batch(SIZES[1], 20)])
    assert best is not None
    assert (best.candidate.memory_mb, best.slowest_ms) == (512, 20)
