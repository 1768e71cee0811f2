"""AWS Lambda Power Tuning's way: the same number of invocations at each of six sizes."""

from __future__ import annotations

import math

import numpy as np

from bench.algorithms.answer import Answer
from bench.replay import Replay
from bench.truth import Task
from tuner.core.search.space import FloatArray, space_of

GRID_MB = (128, 256, 512, 1024, 1536, 3008)
TRIM = 0.2


def search_grid50(task: Task, replay: Replay, seed: int) -> Answer:  # noqa: ARG001 - one signature for all
    """50 in a row at each size, 20 % trimmed mean."""
    return _search_grid(task, replay, 50)


def search_grid10(task: Task, replay: Replay, seed: int) -> Answer:  # noqa: ARG001
    """10 in a row at each size."""
    return _search_grid(task, replay, 10)


def _search_grid(task: Task, replay: Replay, count: int) -> Answer:
    samples = {index: np.array([replay.invoke(index).duration_ms for _ in range(count)]) for index in grid_of(task)}
    return Answer(choose_by_samples(task, samples))


def grid_of(task: Task) -> list[int]:
    """The candidates nearest to its sizes, ascending; the ends where none is near."""
    sizes = task.truth.memory_mb
    low, high = sizes[0], sizes[-1]
    wanted = [memory_mb for memory_mb in GRID_MB if low * 0.9 <= memory_mb <= high * 1.1] or [low, high]
    return sorted({int(np.argmin([abs(math.log(m / memory_mb)) for m in sizes])) for memory_mb in wanted})


def choose_by_samples(task: Task, samples: dict[int, FloatArray]) -> int:
    """The cheapest by trimmed mean of those whose sample percentile meets the goal; else the fastest."""
    space = space_of(task.problem)
    scored = []
    for index, durations_ms in samples.items():
        ordered = np.sort(durations_ms)
        cut = int(TRIM * len(ordered))
        trimmed_ms = float(ordered[cut : len(ordered) - cut].mean())
        cost = float(space.cost_per_million_usd(np.full(len(space.candidates), trimmed_ms))[index])
        at_ms = float(np.percentile(ordered, task.goal.percentile)) if task.goal else 0.0
        scored.append((index, cost, at_ms))
    meeting = [row for row in scored if task.goal is None or row[2] <= task.goal.limit_ms]
    if meeting:
        return min(meeting, key=lambda row: row[1])[0]
    return min(scored, key=lambda row: row[2])[0]
