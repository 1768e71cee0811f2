"""Production as a mixture: payloads by weight, and cold starts by their share."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.unit.core.search.simulated import problem_of
from tuner.core.model import Batch, Invocation, LatencyGoal, Observation, RunContext, SearchProblem
from tuner.core.request.payload_mix import next_payload
from tuner.core.search import fit_run, recommend
from tuner.core.search.planning import plan_round

SIZES = (128, 256, 512, 1024, 1769, 2048, 3008)


def _run(problem: SearchProblem, base_ms: tuple[float, ...]) -> list[Observation]:
    """A function whose payloads take *base_ms* at 1,769 MB and scale with memory up to there."""
    generator = np.random.default_rng(5)
    observations: list[Observation] = []
    counts: dict[int, list[int]] = {}
    for _ in range(60):
        plan = plan_round(problem, observations, elapsed_minutes=0, context=RunContext())
        if not plan.batches:
            return observations
        for planned in plan.batches:
            memory_mb = planned.candidate.memory_mb
            mine = counts.setdefault(memory_mb, [0] * len(base_ms))
            invocations = []
            for _ in range(planned.invocation_count):
                cold = sum(mine) == 0
                index = next_payload(problem.payload_weights, mine)
                mine[index] += 1
                duration_ms = base_ms[index] * 1769 / min(memory_mb, 1769) * float(np.exp(0.05 * generator.normal()))
                init_ms = 400.0 if cold else None
                invocations.append(
                    Invocation(
                        "r", "ok", cold, duration_ms * (1.5 if cold else 1), init_ms=init_ms, payload_index=index
                    )
                )
            batch = Batch(len(observations) + 1, len(observations), planned.candidate, 1, 1, "")
            observations.append(Observation(batch.round, batch.trial, batch.candidate, tuple(invocations)))
    pytest.fail("the search does not end")


def test_a_rare_slow_payload_moves_mean_and_percentile(tmp_path: Path) -> None:
    """Weight 10 % and fifty times the duration: mean × 5.9, and p95 is the slow payload's."""
    problem = replace(problem_of(SIZES, current_mb=1769), payload_weights=(9.0, 1.0))
    answer = recommend(fit_run(problem, _run(problem, (20.0, 1000.0)), RunContext()), stop_reason="")
    current = answer.current
    assert current is not None
    assert current.duration_ms["mean"].estimate == pytest.approx(0.9 * 20 + 0.1 * 1000, rel=0.15)
    assert current.duration_ms["p50"].estimate == pytest.approx(20, rel=0.1)
    assert current.duration_ms["p95"].estimate == pytest.approx(1000, rel=0.15)
    assert any("10% of payload 2" in note for note in answer.notes)


def test_a_goal_below_the_slow_payload_needs_its_size(tmp_path: Path) -> None:
    """A p95 limit is one for the slow payload where it is more than 5 % of the mix, and not where it is less."""
    goal = LatencyGoal(95, 500.0)
    often = replace(problem_of(SIZES, goal=goal), payload_weights=(0.8, 0.2))
    picked_mb = recommend(
        fit_run(often, _run(often, (20.0, 400.0)), RunContext()), stop_reason=""
    ).recommended.candidate.memory_mb
    assert picked_mb >= 1769
    rarely = replace(problem_of(SIZES, goal=goal), payload_weights=(0.99, 0.01))
    observations = _run(rarely, (20.0, 400.0))
    answer = recommend(fit_run(rarely, observations, RunContext()), stop_reason="")
    assert answer.recommended.candidate.memory_mb <= 512


def test_cold_starts_enter_cost_and_goal_by_their_share() -> None:
    """Ten per cent cold requests: init and a slower first run are in the mean, and p95 is a cold one's."""
    warm = problem_of(SIZES, current_mb=1769)
    observations = _run(warm, (100.0,))
    cold = replace(warm, cold_start_share=0.1)
    before = recommend(fit_run(warm, observations, RunContext()), stop_reason="").current
    after = recommend(fit_run(cold, observations, RunContext()), stop_reason="").current
    assert before is not None
    assert after is not None
    expected_ms = 0.9 * 100 + 0.1 * (400 + 150)
    assert after.duration_ms["mean"].estimate == pytest.approx(expected_ms, rel=0.1)
    assert before.duration_ms["p95"].estimate < 130
    assert after.duration_ms["p95"].estimate > 400


def test_unknown_cold_share_is_said() -> None:
    """Where the share is not known, the answer is of warm invocations and says so."""
    problem = problem_of(SIZES)
    answer = recommend(fit_run(problem, _run(problem, (100.0,)), RunContext()), stop_reason="")
    assert any("warm" in note and "not known" in note for note in answer.notes)
