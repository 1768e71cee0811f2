"""The answer that an exhaustive search gives, and how far a run's pick is from it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bench.curves import monotone_cubic
from bench.examples.grid import ExampleGrid, SizeSamples, error_ratio
from tuner.core.measurement.latency import percentile
from tuner.core.model import ArchitecturePrices, LatencyGoal
from tuner.core.money.pricing import invocation_cost_usd
from tuner.core.search.feasibility import MEMORY_HEADROOM_RATIO

RESAMPLED_COUNT = 200


@dataclass(frozen=True)
class SizeFigures:
    """What the grid says of one size."""

    memory_mb: int
    mean_billed_ms: float
    percentile_ms: float | None
    """The goal's percentile; without a goal there is none."""
    cost_per_million_usd: float
    error_ratio: float
    """Standard error of mean and cost; between two sizes the larger of theirs."""


@dataclass(frozen=True)
class ExhaustiveAnswer:
    """The cheapest size that meets the goal; where none does, the one that comes nearest."""

    best: SizeFigures
    possible: bool
    """Whether any size meets the goal."""


@dataclass(frozen=True)
class RunAnswer:
    """What one run of the product answered, out of its report."""

    example: str
    goal: LatencyGoal | None
    cpu_time: bool
    wall_s: float
    error: str | None = None
    """Of a run that failed, which has nothing of what follows."""
    pick_mb: int = 0
    estimate_ms: float = math.nan
    verdict: str = ""
    confidence: float = math.nan
    tolerance: float = math.nan
    invocations: int = 0


@dataclass(frozen=True)
class Comparison:
    """A run's answer beside the exhaustive one."""

    run: RunAnswer
    exhaustive: ExhaustiveAnswer
    extra_cost_ratio: float | None
    """Of the pick over the exhaustive answer, below 0 if a size between two of the grid is cheaper.

    None if nothing meets the goal, the run failed, or the grid knows nothing of the pick.
    """
    error_ratio: float | None
    """One standard error of *extra_cost_ratio*, from the grid's own samples."""
    over_limit_ratio: float | None
    """The goal's percentile at the pick, in the grid, over the limit; at most 0 is met."""
    speed_ratio: float | None
    """The run's estimate of the mean at its pick over the grid's: far from 0, the machine had another speed."""
    within: bool
    """Whether the pick is the exhaustive answer, within the tolerance."""


@dataclass(frozen=True)
class Doubt:
    """What the grid's own noise leaves open: its environments and invocations drawn again, many times."""

    within_share: float
    """In which share of them the pick is the exhaustive answer, within the tolerance."""
    low_mb: int
    high_mb: int
    """Between these the exhaustive answer lies in nine of ten."""


def usable_sizes(grid: ExampleGrid) -> list[SizeSamples]:
    """Those that nothing failed at, and whose memory leaves the headroom that the product asks for; ascending."""
    return [
        row
        for row in grid.sizes
        if row.duration_ms and not row.failures and row.max_memory_used_mb <= MEMORY_HEADROOM_RATIO * row.memory_mb
    ]


def figures_of(row: SizeSamples, goal: LatencyGoal | None, prices: ArchitecturePrices) -> SizeFigures:
    """What the samples of one size come to."""
    return SizeFigures(
        row.memory_mb,
        row.mean_billed_ms,
        None if goal is None else percentile(row.durations_ms, goal.percentile),
        invocation_cost_usd(row.memory_mb, row.mean_billed_ms, prices) * 1e6,
        error_ratio(row.duration_ms),
    )


def figures_at(memory_mb: int, known: Sequence[SizeFigures], prices: ArchitecturePrices) -> SizeFigures | None:
    """What the grid says of any size, by a monotone cubic in log-log between the usable ones.

    Args:
        memory_mb: The size.
        known: Figures of the usable sizes, ascending.
        prices: Of the machine's architecture.

    Returns:
        None beyond the usable sizes: there the grid has no answer.
    """
    below = [row for row in known if row.memory_mb <= memory_mb]
    above = [row for row in known if row.memory_mb >= memory_mb]
    if not below or not above:
        return None
    if below[-1] == above[0]:
        return below[-1]
    billed_ms = _between(known, [row.mean_billed_ms for row in known], memory_mb)
    percentiles_ms = [row.percentile_ms for row in known if row.percentile_ms is not None]
    return SizeFigures(
        memory_mb,
        billed_ms,
        _between(known, percentiles_ms, memory_mb) if percentiles_ms else None,
        invocation_cost_usd(memory_mb, billed_ms, prices) * 1e6,
        max(below[-1].error_ratio, above[0].error_ratio),
    )


def _between(known: Sequence[SizeFigures], values_ms: Sequence[float], at_mb: int) -> float:
    sizes_mb = np.array([float(row.memory_mb) for row in known])
    found = monotone_cubic(np.log(sizes_mb), np.log(values_ms), np.log(np.array([float(at_mb)])))
    return math.exp(float(found[0]))


def exhaustive_answer(example: str, known: Sequence[SizeFigures], goal: LatencyGoal | None) -> ExhaustiveAnswer:
    """Take the cheapest measured size whose empirical percentile meets the goal.

    Raises:
        ValueError: No size is usable.
    """
    if not known:
        raise ValueError(f"{example} has no usable size in the grid: it failed at each")
    if goal is None:
        return ExhaustiveAnswer(min(known, key=lambda row: row.cost_per_million_usd), possible=True)
    meeting = [row for row in known if (row.percentile_ms or math.inf) <= goal.limit_ms]
    if meeting:
        return ExhaustiveAnswer(min(meeting, key=lambda row: row.cost_per_million_usd), possible=True)
    return ExhaustiveAnswer(min(known, key=lambda row: row.percentile_ms or math.inf), possible=False)


def compare(run: RunAnswer, grid: ExampleGrid, prices: ArchitecturePrices) -> Comparison:
    """Judge one run.

    A pick that costs at most the tolerance more than the exhaustive answer, and
    whose percentile meets the goal in the grid, is right. Where no size meets
    it, any answer is that does not claim to.
    """
    known = [figures_of(row, run.goal, prices) for row in usable_sizes(grid)]
    answer = exhaustive_answer(grid.example, known, run.goal)
    picked = None if run.error is not None else figures_at(run.pick_mb, known, prices)
    if picked is None:
        return Comparison(run, answer, None, None, None, None, within=False)
    over = None
    if run.goal is not None and picked.percentile_ms is not None:
        over = picked.percentile_ms / run.goal.limit_ms - 1
    speed = run.estimate_ms / picked.mean_billed_ms - 1
    if not answer.possible:
        return Comparison(run, answer, None, None, over, speed, within=run.verdict != "GOAL_MET")
    extra = picked.cost_per_million_usd / answer.best.cost_per_million_usd - 1
    error = 0.0 if picked == answer.best else math.hypot(picked.error_ratio, answer.best.error_ratio)
    within = extra <= run.tolerance and (over is None or over <= 0)
    return Comparison(run, answer, extra, error, over, speed, within)


def doubt(run: RunAnswer, grid: ExampleGrid, prices: ArchitecturePrices, *, seed: int = 0) -> Doubt:
    """Judge one run by the grid drawn again from itself: first its environments, then the invocations of each."""
    drawn = np.random.default_rng(seed)
    judged = [compare(run, _resampled(grid, drawn), prices) for _ in range(RESAMPLED_COUNT)]
    best_mb = sorted(each.exhaustive.best.memory_mb for each in judged)
    return Doubt(
        sum(each.within for each in judged) / RESAMPLED_COUNT,
        best_mb[round(0.05 * (RESAMPLED_COUNT - 1))],
        best_mb[round(0.95 * (RESAMPLED_COUNT - 1))],
    )


def _resampled(grid: ExampleGrid, drawn: np.random.Generator) -> ExampleGrid:
    sizes = []
    for row in grid.sizes:
        durations, billed = [], []
        for environment in drawn.integers(0, len(row.duration_ms), len(row.duration_ms)) if row.duration_ms else ():
            each = drawn.integers(0, len(row.duration_ms[environment]), len(row.duration_ms[environment]))
            durations.append(tuple(row.duration_ms[environment][position] for position in each))
            billed.append(tuple(row.billed_ms[environment][position] for position in each))
        sizes.append(replace(row, duration_ms=tuple(durations), billed_ms=tuple(billed)))
    return replace(grid, sizes=tuple(sizes))


def answer_of(
    report: Mapping[str, Any], *, example: str, goal: LatencyGoal | None, cpu_time: bool, wall_s: float
) -> RunAnswer:
    """Read a run's ``report.json``."""
    recommended = report["recommended"]
    return RunAnswer(
        example,
        goal,
        cpu_time,
        wall_s,
        pick_mb=int(recommended["memoryMb"]),
        estimate_ms=float(recommended["durationMs"]["mean"]["estimate"]),
        verdict=str(report["verdict"]),
        confidence=float(report["confidence"]),
        tolerance=float(report["request"]["tolerance"]),
        invocations=int(report["invocations"]),
    )
