"""A function that answers from its truth, with noise, and counts what it was asked."""

from __future__ import annotations

import math

import numpy as np

from bench.truth import Environment, Task, Timing


class Replay:
    """One run's function: warm invocations, environments that stay, a noise stream of its own.

    A batch of n in a row lands on one environment of its size, n in parallel
    on n, and later batches at the same size on the same ones again.
    """

    def __init__(self, task: Task, seed: tuple[int, ...]) -> None:
        self._task = task
        self._generator = np.random.default_rng(seed)
        self._environments: dict[tuple[int, int], Environment] = {}
        self._wandering = 0.0
        self.invocation_count = 0
        self.spent = 0.0
        """In invocations at the best size's mean cost."""

    def invoke(self, index: int, slot: int = 0) -> Timing:
        """One invocation at a size, on its *slot*-th environment."""
        truth, generator = self._task.truth, self._generator
        if (index, slot) not in self._environments:
            self._environments[index, slot] = truth.environment(index, generator)
        timing = self._environments[index, slot]()
        if truth.drift:
            self._wandering += truth.drift * generator.standard_normal()
            timing = timing._replace(duration_ms=timing.duration_ms * math.exp(self._wandering))
        prices = self._task.problem.prices["x86_64"]
        usd = math.ceil(timing.duration_ms) / 1000 * truth.memory_mb[index] / 1024 * prices.usd_per_gb_second
        self.spent += (usd + prices.usd_per_request) * 1e6 / float(self._task.cost[self._task.best])
        self.invocation_count += 1
        return timing
