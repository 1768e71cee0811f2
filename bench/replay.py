"""A function that answers from its truth, with noise, and counts what it was asked."""

from __future__ import annotations

import math

import numpy as np

from bench.truth import TAIL_HIGH, TAIL_LOW, Task


class Replay:
    """One run's function: warm invocations, environments that stay, a noise stream of its own.

    A batch of n in a row lands on one environment of its size, n in parallel
    on n, and later batches at the same size on the same ones again.
    """

    def __init__(self, task: Task, seed: tuple[int, ...]) -> None:
        self._task = task
        self._generator = np.random.default_rng(seed)
        self._environments: dict[tuple[int, int], float] = {}
        self._wandering = 0.0
        self.invocation_count = 0
        self.spent = 0.0
        """In invocations at the best size's mean cost."""

    def invoke(self, index: int, slot: int = 0) -> float:
        """Duration in milliseconds of one invocation at a size, on its *slot*-th environment."""
        noise, generator = self._task.truth.noise, self._generator
        if (index, slot) not in self._environments:
            self._environments[index, slot] = noise.environment_spread * generator.standard_normal()
        log_ms = math.log(self._task.truth.core_ms[index]) + self._environments[index, slot]
        log_ms += float(noise.spread[index]) * generator.standard_normal()
        if generator.random() < noise.tail_share:
            log_ms += math.log(generator.uniform(TAIL_LOW, TAIL_HIGH))
        if noise.second_mode and generator.random() < noise.second_mode:
            log_ms += math.log(3.0)
        if noise.drift:
            self._wandering += noise.drift * generator.standard_normal()
            log_ms += self._wandering
        duration_ms = math.exp(log_ms)
        prices = self._task.problem.prices["x86_64"]
        usd = math.ceil(duration_ms) / 1000 * self._task.truth.memory_mb[index] / 1024 * prices.usd_per_gb_second
        self.spent += (usd + prices.usd_per_request) * 1e6 / float(self._task.cost[self._task.best])
        self.invocation_count += 1
        return duration_ms
