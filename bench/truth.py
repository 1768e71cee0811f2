"""What is true in a replay: the duration at every size, the noise, the goals, the best answer."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple, Protocol

import numpy as np

from bench.curves import Curve, FloatArray, MeasuredNoise, monotone_cubic, sizes_of
from tuner.core.model import Architecture, ArchitecturePrices, Candidate, LatencyGoal, SearchProblem, TuningBudget
from tuner.core.search.space import space_of

PERCENTILE = 95.0
GOAL_SHARES = (None, 0.15, 0.5)
"""Where a limit lies between the fastest and the slowest size, in log; None is no goal."""
OUT_OF_REACH_SHARES = (-0.05, -0.15, -0.3)
"""Limits that no size meets: that share below the fastest."""
LEAST_RANGE = 1.15
PRICES: dict[Architecture, ArchitecturePrices] = {"x86_64": ArchitecturePrices(0.0000166667, 0.0000002, 0.0000000309)}
"""us-east-1, first tier (AWS Lambda pricing, seen 2026-11)."""
MAX_PARALLEL = 3
"""Environments that a batch may be spread over, as a run has them where the request does not say otherwise."""
TAIL_LOW, TAIL_HIGH = 2.0, 5.0
SMOOTH_ERROR = 0.04
SMOOTH_LENGTH = 0.4


class Timing(NamedTuple):
    """What an invocation tells of itself."""

    duration_ms: float
    cpu_ms: float | None = None


Environment = Callable[[], Timing]
"""One execution environment of a size: invokes the function on it."""


class Truth(Protocol):
    """One function as a replay knows it."""

    @property
    def name(self) -> str:
        """What it is called in the runs."""

    @property
    def memory_mb(self) -> tuple[int, ...]:
        """The sizes, ascending."""

    @property
    def drift(self) -> float:
        """Standard deviation, in log, of the speed's slow wandering per invocation (a random walk)."""

    @property
    def mean_ms(self) -> FloatArray:
        """Expected duration at each size, over invocations and environments."""

    def percentile_ms(self, percentile: float) -> FloatArray:
        """The percentile at each size, over invocations and environments."""

    def environment(self, index: int, generator: np.random.Generator) -> Environment:
        """A new execution environment of the *index*-th size; its luck, and its invocations', from *generator*."""


@dataclass(frozen=True)
class Noise:
    """The noise of one function: log-normal core, slow share, and a factor of each environment."""

    spread: FloatArray
    """At each size; equal everywhere unless a family says otherwise."""
    tail_share: float
    environment_spread: float
    drift: float = 0.0
    second_mode: float = 0.0
    """Share of invocations that miss a cache and take three times as long."""


@dataclass(frozen=True)
class CurveTruth:
    """A function whose noise multiplies a curve."""

    name: str
    memory_mb: tuple[int, ...]
    core_ms: FloatArray
    """The core's median at each size."""
    noise: Noise

    @property
    def drift(self) -> float:
        """As the noise says."""
        return self.noise.drift

    @property
    def mean_ms(self) -> FloatArray:
        """In closed form."""
        tail = 1 + self.noise.tail_share * ((TAIL_LOW + TAIL_HIGH) / 2 - 1)
        mode = 1 + 2 * self.noise.second_mode
        spread = np.sqrt(self.noise.spread**2 + self.noise.environment_spread**2)
        result: FloatArray = self.core_ms * np.exp(spread**2 / 2) * tail * mode
        return result

    def percentile_ms(self, percentile: float) -> FloatArray:
        """From the distribution function of the noise."""
        return np.asarray(self.core_ms * _percentile_factors(self.noise, percentile))

    def environment(self, index: int, generator: np.random.Generator) -> Environment:
        """One with a factor of its own."""
        noise = self.noise
        environment_log_ms = math.log(self.core_ms[index]) + noise.environment_spread * generator.standard_normal()

        def invoke() -> Timing:
            log_ms = environment_log_ms + float(noise.spread[index]) * generator.standard_normal()
            if generator.random() < noise.tail_share:
                log_ms += math.log(generator.uniform(TAIL_LOW, TAIL_HIGH))
            if noise.second_mode and generator.random() < noise.second_mode:
                log_ms += math.log(3.0)
            return Timing(math.exp(log_ms))

        return invoke


def _percentile_factors(noise: Noise, percentile: float) -> FloatArray:
    """Percentile over the core's median, at each size."""
    spreads = np.round(np.sqrt(noise.spread**2 + noise.environment_spread**2), 6)
    values = {
        float(spread): _percentile_factor(float(spread), noise.tail_share, noise.second_mode, percentile)
        for spread in np.unique(spreads)
    }
    return np.array([values[float(spread)] for spread in spreads])


@lru_cache(maxsize=4096)
def _percentile_factor(spread: float, tail_share: float, second_mode: float, percentile: float) -> float:
    """By bisection on the mixture's distribution function; independent of the search's own table."""
    factors = np.linspace(TAIL_LOW, TAIL_HIGH, 61)
    parts = [((1 - tail_share) * (1 - second_mode), np.array([1.0]))]
    parts.append((tail_share * (1 - second_mode), factors))
    parts.append(((1 - tail_share) * second_mode, np.array([3.0])))
    parts.append((tail_share * second_mode, 3 * factors))
    low, high = -9 * spread - 0.01, 9 * spread + math.log(3 * TAIL_HIGH)
    for _ in range(60):
        middle = (low + high) / 2
        below = sum(
            share * float(np.mean([_normal_cdf((middle - math.log(factor)) / spread) for factor in scale]))
            for share, scale in parts
            if share > 0
        )
        if below < percentile / 100:
            low = middle
        else:
            high = middle
    return math.exp((low + high) / 2)


def _normal_cdf(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2))


def raw_truth(curve: Curve, noise: MeasuredNoise | None, position: int) -> CurveTruth:
    """The published points themselves, PCHIP in log-log between them."""
    sizes = sizes_of(curve)
    log_ms = monotone_cubic(np.log(curve.memory_mb), np.log(curve.mean_ms), np.log(sizes))
    return CurveTruth(curve.name, sizes, np.exp(log_ms), noise_of(curve, noise, position))


def smooth_truth(curve: Curve, noise: MeasuredNoise | None, position: int) -> CurveTruth:
    """The family plus a Gaussian process, fitted to the points as if each had 4 % error.

    So that nobody is scored on the wiggles of published points.
    """
    sizes = sizes_of(curve)
    x, y, at = np.log(curve.memory_mb), np.log(curve.mean_ms), np.log(sizes)
    best = (-math.inf, np.zeros(len(at)))
    shapes, shapes_at = _family(x), _family(at)
    residual = y - y.mean() - (shapes - shapes.mean(axis=1, keepdims=True))
    centre = y.mean() - shapes.mean(axis=1)
    kernel = np.exp(-0.5 * ((x[:, None] - x[None, :]) / SMOOTH_LENGTH) ** 2)
    kernel_at = np.exp(-0.5 * ((at[:, None] - x[None, :]) / SMOOTH_LENGTH) ** 2)
    for misfit in (0.02, 0.05, 0.1, 0.2):
        covariance = 4.0 + misfit**2 * kernel + SMOOTH_ERROR**2 * np.eye(len(x))
        inverse = np.linalg.inv(covariance)
        score = -0.5 * np.einsum("sg,gh,sh->s", residual, inverse, residual)
        score -= 0.5 * np.linalg.slogdet(covariance)[1]
        chosen = int(np.argmax(score))
        if score[chosen] > best[0]:
            weight = inverse @ residual[chosen]
            curve_at = centre[chosen] + shapes_at[chosen] + 4.0 * weight.sum() + misfit**2 * (kernel_at @ weight)
            best = (float(score[chosen]), curve_at)
    return CurveTruth(curve.name, sizes, np.exp(best[1]), noise_of(curve, noise, position))


def _family(log_memory: FloatArray) -> FloatArray:
    """``a + b · max((1/m)^k, (1/c)^k)`` on a dense grid of its three shape parameters, in log."""
    return _family_at(tuple(log_memory))


@lru_cache(maxsize=64)
def _family_at(log_memory: tuple[float, ...]) -> FloatArray:
    floor = np.array([0.0, *np.geomspace(0.002, 0.95, 22)])[:, None, None, None]
    exponent = np.linspace(0.4, 1.9, 16)[:, None, None]
    saturation = np.log(np.geomspace(300, 10_240, 24))[:, None]
    scaled = np.minimum(np.array(log_memory), saturation) - math.log(128)
    shapes: FloatArray = np.log(floor + (1 - floor) * np.exp(-exponent * scaled))
    return shapes.reshape(-1, len(log_memory))


def noise_of(curve: Curve, measured: MeasuredNoise | None, position: int) -> Noise:
    """The curve's own noise where raw samples exist, else by class, in turn."""
    environment_spread = (0.0, 0.05, 0.10)[position % 3]
    if measured is not None:
        spread, tail_share = measured.spread, measured.tail_share
    else:
        short = float(np.median(curve.mean_ms)) < 20
        spread = (0.35, 0.2)[position % 2] if short else (0.02, 0.05, 0.10, 0.18)[position % 4]
        tail_share = (0.02, 0.0, 0.005)[(position // 3) % 3]
    return Noise(np.full(len(sizes_of(curve)), spread), tail_share, environment_spread)


@dataclass(frozen=True)
class Task:
    """A function with a goal, and the right answer."""

    truth: Truth
    goal: LatencyGoal | None
    goal_share: float | None
    problem: SearchProblem
    cost: FloatArray
    """True cost per million at each size."""
    percentile_ms: FloatArray
    best: int
    """The cheapest that meets the goal; there always is one unless the family says otherwise."""


def tasks_of(
    truth: Truth,
    budget: TuningBudget,
    shares: tuple[float | None, ...] = GOAL_SHARES,
    *,
    monthly_invocations: float | None = None,
) -> list[Task]:
    """The goals of a function, and what is right for each; none of those with a limit where the range is short.

    Args:
        truth: The function.
        budget: Of each run.
        shares: ``GOAL_SHARES``, or ``OUT_OF_REACH_SHARES``.
        monthly_invocations: The traffic that a run is told.
    """
    percentile_ms = truth.percentile_ms(PERCENTILE)
    fastest, slowest = float(percentile_ms.min()), float(percentile_ms.max())
    candidates = tuple(Candidate(memory_mb, "x86_64") for memory_mb in truth.memory_mb)
    current = min(candidates, key=lambda candidate: abs(math.log(candidate.memory_mb / 1024)))
    blank = SearchProblem(
        candidates,
        current,
        None,
        PRICES,
        timeout_ms=1000.0,
        budget=budget,
        first_invocation_cold=False,
        monthly_invocations=monthly_invocations,
        max_parallel=MAX_PARALLEL,
    )
    cost = space_of(blank).cost_per_million_usd(truth.mean_ms)
    tasks = []
    for share in shares:
        goal = None
        meeting = np.ones(len(cost), dtype=bool)
        if share is not None:
            if slowest / fastest < LEAST_RANGE:
                continue
            goal = LatencyGoal(PERCENTILE, fastest * ((slowest / fastest) ** share if share >= 0 else 1 + share))
            meeting = percentile_ms <= goal.limit_ms * (1 + 1e-9)
        best = int(np.argmin(np.where(meeting, cost, np.inf))) if meeting.any() else int(np.argmin(percentile_ms))
        tasks.append(Task(truth, goal, share, replace(blank, goal=goal), cost, percentile_ms, best))
    return tasks
