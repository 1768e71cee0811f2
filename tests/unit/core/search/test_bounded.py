"""Requests of any size: what the search looks at of them, and that the answer stays what it would have been."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.rough_search import search_roughly
from tests.unit.core.search.simulated import ALL_SIZES, SimulatedFunction, problem_of, search
from tuner.core.model import (
    Candidate,
    EarlierRun,
    FixedDesign,
    Invocation,
    LatencyGoal,
    Observation,
    RunContext,
    SearchProblem,
)
from tuner.core.request.tuning_request import ROUND_SIZES_MB
from tuner.core.search import fit_run, groups, recommend
from tuner.core.search.bounded import MOST_CANDIDATES, MOST_CELLS, MOST_PAYLOADS, bounded
from tuner.core.search.fit import Fit, fit_posterior
from tuner.core.search.fixed_design import ROUND_LIMIT, plan_design

GOAL = LatencyGoal(95, 300)
EVERY_SIZE = tuple(range(128, 10_241))


def observed(
    sizes: Sequence[int], *, environments: int = 1, each: int = 4, payloads: int = 1, seed: int = 0
) -> list[Observation]:
    """A batch at each size; each environment has a factor of its own and begins cold."""
    chance = random.Random(seed)
    batches = []
    for trial, memory_mb in enumerate(sizes):
        invocations = []
        for host in range(environments):
            factor = math.exp(0.04 * chance.gauss(0, 1))
            for number in range(each + 1):
                payload = (host + number + trial) % payloads
                duration_ms = (20 + 200_000 / min(memory_mb, 1769)) * factor * math.exp(0.05 * chance.gauss(0, 1))
                duration_ms *= (1.5 if number == 0 else 1.0) * (1 + payload)
                invocations.append(
                    Invocation(
                        f"{trial}-{host}-{number}",
                        "ok",
                        number == 0,
                        duration_ms,
                        math.ceil(duration_ms),
                        environment=f"{memory_mb}/{host}",
                        payload_index=payload,
                    )
                )
        batches.append(Observation(2, trial, Candidate(memory_mb, "x86_64"), tuple(invocations)))
    return batches


def medians(fit: Fit) -> np.ndarray:
    """Of the duration in log, at each candidate."""
    return np.asarray(np.median(fit.prediction.draws.typical_log_ms, axis=0))


@pytest.mark.parametrize("sizes", [(128, 512, 1024), ALL_SIZES])
def test_an_ordinary_request_is_looked_at_as_it_is(sizes: tuple[int, ...]) -> None:
    """The default range on both architectures, and a mix of a few payloads, are not reduced."""
    problem = replace(problem_of(sizes, architectures=("x86_64", "arm64")), payload_weights=(1.0, 2.0, 3.0, 4.0))
    seen = observed(sizes[:3])
    looked_at = bounded(problem, seen, RunContext())
    assert (looked_at.problem, looked_at.observations) == (problem, seen)


def test_of_a_fine_range_the_search_looks_at_a_part() -> None:
    """Today's size, measured ones, round ones and an even spread of both architectures; the closest to the measured."""
    problem = problem_of(EVERY_SIZE, current_mb=1111, architectures=("x86_64", "arm64"))
    seen = [*observed([777], each=9), *observed([3001])]
    earlier = (EarlierRun("r", 1.0, tuple(observed([555]))),)
    looked_at = bounded(problem, seen, RunContext(earlier=earlier)).problem
    sizes = {each.memory_mb for each in looked_at.candidates if each.architecture == "x86_64"}
    assert len(looked_at.candidates) == MOST_CANDIDATES
    assert {1111, 777, 3001, 555, *ROUND_SIZES_MB, 1769, 128, 10_240} <= sizes
    assert set(range(773, 782)) <= sizes
    spread = sorted(math.log(each.memory_mb) for each in looked_at.candidates if each.architecture == "arm64")
    assert max(np.diff(spread)) < 0.1


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_the_answer_in_a_fine_range_is_that_in_the_default_one(tmp_path: Path) -> None:
    """A range in steps of 1 MB costs about as many invocations, and the pick costs as much within the tolerance."""
    # So slow that it does not run in steps.
    slow = SimulatedFunction(lambda memory_mb: 200 + 8000 * 256 / min(memory_mb, 1769))
    goal, counts = LatencyGoal(95, 3000), []
    for seed in range(3):
        fine, default = (
            search(problem, replace(slow, seed=seed), _made(tmp_path / f"{seed}-{len(problem.candidates)}"))
            for problem in (problem_of(EVERY_SIZE, goal=goal, seed=seed), problem_of(goal=goal, seed=seed))
        )
        counts.append((fine.invocation_count, default.invocation_count))
        sizes_mb = [run.recommendation.recommended.candidate.memory_mb for run in (fine, default)]
        costs = [size_mb * slow.duration_ms(size_mb) for size_mb in sizes_mb]
        assert costs[0] < costs[1] * 1.05
        assert fine.recommendation.verdict == default.recommendation.verdict
        assert len(fine.recommendation.configurations) == MOST_CANDIDATES
        of_400 = "400 of the 10,113 possible sizes were compared"
        assert any(note.startswith(of_400) for note in fine.recommendation.notes)
        assert not any("possible sizes" in note for note in default.recommendation.notes)
    of_fine, of_default = (sum(column) for column in zip(*counts, strict=True))
    assert of_fine < of_default * 1.5, counts


def test_a_size_close_to_what_was_measured_may_be_the_answer() -> None:
    """All sizes around the most measured one are compared, also where the range has a hole."""
    problem = problem_of((*range(1500, 1600), *range(3100, 3500)), current_mb=1550, goal=LatencyGoal(95, 1e9))
    looked_at = bounded(problem, observed([1550], each=20), RunContext()).problem
    assert {1549, 1551, 1500, 1599} <= {each.memory_mb for each in looked_at.candidates}


def test_a_design_of_more_sizes_than_are_looked_at_loses_no_invocation() -> None:
    """What was measured at a size that is left out counts for the closest one."""
    sizes = tuple(range(1000, 3000, 2))
    problem = problem_of(sizes, goal=GOAL)
    problem = replace(problem, design=FixedDesign(problem.candidates, 3))
    seen = observed(sizes, each=2)
    looked_at = bounded(problem, seen, RunContext())
    assert len(looked_at.problem.candidates) == MOST_CANDIDATES
    assert looked_at.problem.design is not None
    assert set(looked_at.problem.design.candidates) == set(looked_at.problem.candidates)
    for before, after in zip(seen, looked_at.observations, strict=True):
        assert after.invocations == before.invocations
        assert after.candidate in looked_at.problem.candidates
        assert abs(math.log(after.candidate.memory_mb / before.candidate.memory_mb)) < 0.01


def test_many_payloads_are_taken_together_by_how_long_they_take(monkeypatch: pytest.MonkeyPatch) -> None:
    """The weights stay whole, slow events do not share a group with fast ones, and durations come out as measured."""
    count = 40
    problem = replace(problem_of(goal=GOAL), payload_weights=(1.0,) * count)
    seen = observed((512, 1024, 2048), environments=3, each=45, payloads=count)
    looked_at = bounded(problem, seen, RunContext())
    assert len(looked_at.problem.payload_weights) == MOST_PAYLOADS
    assert sum(looked_at.problem.payload_weights) == pytest.approx(count)
    assert len(looked_at.problem.candidates) * MOST_PAYLOADS <= MOST_CELLS
    group_of = {
        before.payload_index: after.payload_index
        for one, other in zip(seen, looked_at.observations, strict=True)
        for before, after in zip(one.invocations, other.invocations, strict=True)
    }
    order = [group_of[payload] for payload in sorted(group_of)]
    assert order == sorted(order)
    search_roughly(monkeypatch.setattr)
    notes = recommend(fit_run(problem, seen, RunContext()), stop_reason="").notes
    assert "The 40 payloads were taken together in 8 groups, by how long they take." in notes
    assert any("of group 8 (measured" in note for note in notes)


def _both_ways(problem: SearchProblem, seen: list[Observation], monkeypatch: pytest.MonkeyPatch) -> list[Fit]:
    beliefs = []
    for most in (groups.MOST_GROUPS, 10**6):
        monkeypatch.setattr(groups, "MOST_GROUPS", most)
        beliefs.append(fit_posterior(problem, seen, RunContext(), draw_count=1600))
    return beliefs


def test_merging_groups_changes_next_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many sizes on several environments: medians, their intervals, the noise and the pick are those of all groups."""
    sizes = tuple(range(256, 3_009, 192))
    problem = problem_of(sizes, goal=GOAL)
    merged, whole = _both_ways(problem, observed(sizes, environments=5, each=4, seed=3), monkeypatch)
    assert abs(medians(merged) - medians(whole)).max() < 0.005
    scatter = [each.prediction.draws.typical_log_ms.std(axis=0) for each in (merged, whole)]
    assert 0.85 < (scatter[0] / scatter[1]).min() <= (scatter[0] / scatter[1]).max() < 1.15
    for name in ("noise", "environment_spread", "tail_share", "cold_offset"):
        assert getattr(merged.prediction.draws, name).mean() == pytest.approx(
            getattr(whole.prediction.draws, name).mean(), rel=0.1, abs=0.002
        )
    assert merged.pick == whole.pick


def test_no_more_groups_than_fit_are_left_whatever_was_measured() -> None:
    """Sizes, environments, temperatures, payloads and earlier runs at once."""
    sizes = tuple(range(128, 3_009, 64))
    problem = replace(problem_of(sizes, goal=GOAL), payload_weights=(1.0,) * 8)
    fit = fit_posterior(problem, observed(sizes, environments=5, each=16, payloads=8), RunContext())
    posterior_sites = groups.sites_of(fit.space, fit.samples)
    kept = np.ones(len(fit.samples.log_ms), dtype=np.bool_)
    grouped = groups.group(fit.samples, kept, posterior_sites)
    assert len(grouped.mean) <= groups.MOST_GROUPS
    assert grouped.count.sum() == len(fit.samples.log_ms)
    assert grouped.environment_share.sum(axis=1) == pytest.approx(1.0)


def test_a_round_of_a_design_has_no_more_batches_than_the_state_holds() -> None:
    """The other sizes follow in the rounds after it."""
    sizes = tuple(range(1000, 1250))
    problem = problem_of(sizes, current_mb=1000)
    problem = replace(
        problem, design=FixedDesign(problem.candidates, 2), budget=replace(problem.budget, max_invocations=500)
    )
    assert problem.design is not None
    seen = observed(sizes[:1], each=0)
    asked: set[Candidate] = set()
    while batches := plan_design(problem, seen, elapsed_minutes=0.0, context=RunContext()).batches:
        assert len(batches) <= ROUND_LIMIT
        asked |= {each.candidate for each in batches}
        seen = [
            *seen,
            *(
                Observation(
                    2,
                    0,
                    each.candidate,
                    tuple(Invocation("", "ok", True, 1.0, 1) for _ in range(each.invocation_count)),
                )
                for each in batches
            ),
        ]
    assert asked == set(problem.candidates)
