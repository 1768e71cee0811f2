"""Parrotfish's way: ``a0 + a1 · exp(-m / a2)`` fitted to means, sampled where cost is low or little is known."""

from __future__ import annotations

import numpy as np

from bench.algorithms.answer import Answer
from bench.replay import Replay
from bench.truth import Task
from tuner.core.search.space import FloatArray, space_of

FIRST_COUNT = 4
MOST_COUNT = 8
CALM_VARIATION = 0.05
SAMPLE_LIMIT = 20
_SCALES_MB = np.geomspace(40, 20_000, 80)


def search_exponential(task: Task, replay: Replay, seed: int) -> Answer:  # noqa: ARG001
    """Smallest, a third and largest first; then the least cost × knowledge until nothing new gains."""
    sizes = np.array(task.truth.memory_mb, dtype=np.float64)
    samples: dict[int, FloatArray] = {}
    third = int(np.argmin(np.abs(sizes - (sizes[0] + (sizes[-1] - sizes[0]) / 3))))
    for index in sorted({0, third, len(sizes) - 1}):
        samples[index] = _sample(replay, index)
    space = space_of(task.problem)
    while len(samples) < min(SAMPLE_LIMIT, len(sizes)):
        fitted_ms = _fit(sizes, samples)
        cost = space.cost_per_million_usd(fitted_ms)
        knowledge = np.ones(len(sizes))
        for index in samples:
            # Gaussian knowledge around what was sampled, as wide as a tenth of the range.
            knowledge += np.exp(-0.5 * ((sizes - sizes[index]) / (0.1 * (sizes[-1] - sizes[0]) + 1)) ** 2)
        wanted = int(np.argmin(cost * knowledge))
        if wanted in samples:
            break
        samples[wanted] = _sample(replay, wanted)
    fitted_ms = _fit(sizes, samples)
    return Answer(int(np.argmin(_scored(task, space.cost_per_million_usd(fitted_ms), fitted_ms))))


def _scored(task: Task, cost: FloatArray, fitted_ms: FloatArray) -> FloatArray:
    """Cost where the mean meets the limit; where nothing does, the duration."""
    if task.goal is None:
        return cost
    meeting = fitted_ms <= task.goal.limit_ms
    return np.where(meeting, cost, np.inf) if meeting.any() else fitted_ms


def _sample(replay: Replay, index: int) -> FloatArray:
    durations_ms = [replay.invoke(index).duration_ms for _ in range(FIRST_COUNT)]
    while len(durations_ms) < MOST_COUNT and np.std(durations_ms) / np.mean(durations_ms) > CALM_VARIATION:
        durations_ms.append(replay.invoke(index).duration_ms)
    return np.array(durations_ms)


def _fit(sizes: FloatArray, samples: dict[int, FloatArray]) -> FloatArray:
    """Least squares in relative error: linear for each scale, the scale on a grid."""
    x = np.concatenate([np.full(len(seen), sizes[index]) for index, seen in samples.items()])
    y = np.concatenate(list(samples.values()))
    weight = 1 / y
    best_error, best = np.inf, np.full(len(sizes), float(y.mean()))
    for scale_mb in _SCALES_MB:
        basis = np.column_stack([np.ones(len(x)), np.exp(-x / scale_mb)])
        solution, *_ = np.linalg.lstsq(basis * weight[:, None], y * weight, rcond=None)
        error = float((((basis @ solution - y) * weight) ** 2).sum())
        if solution[1] >= 0 and error < best_error:
            best_error = error
            best = solution[0] + solution[1] * np.exp(-sizes / scale_mb)
    fitted_ms: FloatArray = np.maximum(best, 0.01)
    return fitted_ms
