"""Random sizes, and Optuna's own TPE: 25 invocations each, ours being about as many."""

from __future__ import annotations

import warnings

import numpy as np
import optuna

from bench.algorithms.answer import Answer
from bench.algorithms.grid import choose_by_samples
from bench.replay import Replay
from bench.truth import Task
from tuner.core.search.space import space_of

BATCH_COUNT = 8
BATCH_SIZE = 3


def search_random(task: Task, replay: Replay, seed: int) -> Answer:
    """Eight random sizes, three invocations each, the same choice as a grid's."""
    generator = np.random.default_rng((seed, 77))
    size_count = len(task.truth.memory_mb)
    picked = generator.choice(size_count, size=min(BATCH_COUNT, size_count), replace=False)
    samples = {
        int(index): np.array([replay.invoke(int(index)).duration_ms for _ in range(BATCH_SIZE)]) for index in picked
    }
    return Answer(choose_by_samples(task, samples))


def search_tpe(task: Task, replay: Replay, seed: int) -> Answer:
    """Optuna's constrained TPE over log memory, eight trials of three invocations."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space = space_of(task.problem)
    sizes = np.array(task.truth.memory_mb)
    samples: dict[int, list[float]] = {}

    def objective(trial: optuna.Trial) -> float:
        memory_mb = trial.suggest_int("memory_mb", int(sizes[0]), int(sizes[-1]), log=True)
        index = int(np.argmin(np.abs(np.log(sizes / memory_mb))))
        samples.setdefault(index, []).extend(replay.invoke(index).duration_ms for _ in range(BATCH_SIZE))
        durations_ms = np.array(samples[index])
        if task.goal is not None:
            trial.set_constraint("goal", float(np.percentile(durations_ms, task.goal.percentile)) - task.goal.limit_ms)
        mean_ms = np.full(len(sizes), durations_ms.mean())
        return float(space.cost_per_million_usd(mean_ms)[index])

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=4))
        study.optimize(objective, n_trials=BATCH_COUNT)
    return Answer(choose_by_samples(task, {index: np.array(seen) for index, seen in samples.items()}))
