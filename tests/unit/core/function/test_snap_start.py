"""What SnapStart costs a run: counted by clone and by restore, and bounded before anything is made."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.core.function.snap_start import most_fees_usd, snapshot_fees_usd, snapshot_prices, uninvoked_clones
from tuner.core.function.target import TargetFunction, read_target
from tuner.core.model import (
    ArchitecturePrices,
    Candidate,
    FixedDesign,
    Invocation,
    Observation,
    SearchProblem,
    SnapshotPrices,
    TuningBudget,
)
from tuner.core.money.spending import spent_usd
from tuner.core.search.planning import remaining_budget

SIZES = tuple(Candidate(size_mb, "arm64") for size_mb in (512, 1024, 2048, 4096))
PRICES = SnapshotPrices(clone_usd_per_gb=0.016, restore_usd_per_gb=0.00014)
PROBLEM = SearchProblem(
    SIZES,
    current=SIZES[1],
    goal=None,
    prices={"arm64": ArchitecturePrices(0.0000133334, 0.0000002, 0.0)},
    timeout_ms=1000,
    budget=TuningBudget(20, 1.0, 60.0),
    max_parallel=3,
    snapshot_prices=PRICES,
)
COLD = Invocation("a", "ok", cold=True, duration_ms=10, billed_ms=50, init_ms=300)
WARM = Invocation("b", "ok", cold=False, duration_ms=10, billed_ms=10)
LOST = Invocation("", "unmeasured", cold=False)


def target(**configuration: str) -> TargetFunction:
    """A function as far as prices depend on it."""
    described = {
        "FunctionArn": "arn:aws:lambda:us-east-1:123456789012:function:theirs",
        "FunctionName": "theirs",
        "MemorySize": 512,
        "Timeout": 3,
        "Runtime": "python3.13",
        **configuration,
    }
    return read_target(described, qualifier=None, reserved_concurrency=None)


def test_cache_is_charged_for_three_hours_or_as_long_as_a_run_may_keep_it() -> None:
    """Deleting a version early saves nothing; a run of four hours pays four."""
    hour_usd = 0.0000015046 * 3600
    assert snapshot_prices(target(), kept_minutes=10).clone_usd_per_gb == pytest.approx(3 * hour_usd)
    assert snapshot_prices(target(), kept_minutes=240).clone_usd_per_gb == pytest.approx(4 * hour_usd)
    assert snapshot_prices(target(Runtime="java21"), kept_minutes=240) == SnapshotPrices(0.0, 0.0)


def test_fees_are_counted_by_copy_and_by_restore() -> None:
    """One copy a size, a fresh one for each cold start; what left no record may have been a restore."""
    seen = [
        Observation(1, 0, SIZES[1], (COLD,)),
        Observation(2, 1, SIZES[1], (WARM, LOST)),
        Observation(3, 9001, SIZES[1], (COLD, COLD), "cold_start"),
        Observation(3, 9002, SIZES[0], (COLD,), "cold_start"),
    ]
    fees_usd = 2.5 * 0.016 + (1 + 1 + 2 + 0.5) * 0.00014
    assert snapshot_fees_usd(PROBLEM, seen) == pytest.approx(fees_usd)
    assert snapshot_fees_usd(PROBLEM, seen, [SIZES[2]]) == pytest.approx(fees_usd + 2 * 0.016)
    without = replace(PROBLEM, snapshot_prices=None)
    assert snapshot_fees_usd(without, seen, [SIZES[2]]) == 0.0
    assert spent_usd(PROBLEM, seen) - spent_usd(without, seen) == pytest.approx(fees_usd)
    assert uninvoked_clones([SIZES[1], SIZES[1], SIZES[0], SIZES[3]], seen) == [SIZES[3]]


def test_the_remaining_budget_pays_a_copy_once() -> None:
    """A first invocation at a size costs its cache too, the next ones do not."""
    fresh = remaining_budget(PROBLEM, [], 0.0)
    once = fresh.after(SIZES[3], 1)
    twice = once.after(SIZES[3], 1)
    first_usd, second_usd = fresh.cost_usd - once.cost_usd, once.cost_usd - twice.cost_usd
    assert first_usd - second_usd == pytest.approx(4 * 0.016)
    tight = replace(fresh, cost_usd=first_usd)
    assert tight.affordable_count(SIZES[3]) == 1
    assert replace(tight, cost_usd=first_usd * 0.99).affordable_count(SIZES[3]) == 0
    assert replace(tight, clones=frozenset(SIZES)).affordable_count(SIZES[3]) > 1


@given(
    st.lists(st.tuples(st.sampled_from(SIZES), st.integers(2, 4)), max_size=5),
    st.integers(0, 3),
    st.sampled_from([None, 4]),
)
def test_no_run_pays_more_than_its_estimate(batches: list[tuple[Candidate, int]], cold: int, num: int | None) -> None:
    """Whatever sizes are measured, from two invocations on, and wherever the cold starts are."""
    problem = replace(PROBLEM, design=None if num is None else FixedDesign(SIZES, num))
    seen = [
        Observation(1, trial, at, (COLD,) * min(count, 3)) for trial, (at, count) in enumerate(dict(batches).items())
    ]
    seen += [Observation(2, 9000 + trial, SIZES[3], (COLD,), "cold_start") for trial in range(2 * cold)]
    assert snapshot_fees_usd(problem, seen) <= most_fees_usd(problem, PRICES, cold) + 1e-12
