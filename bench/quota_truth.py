"""Short functions under Lambda's CPU quota, by brute force: each invocation is followed from tick to tick.

The rule is the one that lies nearest to 975,000 REPORT durations of a real
function: Lambda hands out CPU in periods of 20 ms, a period's budget is its
quota (20 ms × memory size ÷ 1,769), and the kernel looks at the budget at
ticks of 4 ms that are aligned with the periods. What a burst takes beyond the
budget until a tick stops it is a debt; what it leaves is not saved. The
handler starts a little after its period did.

Nothing here comes from ``tuner/``: what the search believes of the quota is
judged by it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from statistics import NormalDist

import numpy as np

from bench.curves import FloatArray
from bench.truth import TAIL_HIGH, TAIL_LOW, Environment, Timing

PERIOD_MS = 20.0
TICK_MS = 4.0
FULL_SPEED_MB = 1769
"""Memory size with the CPU time of one vCPU (AWS Lambda developer guide, "Configure Lambda function memory")."""

START_MS = (0.0, 3.0, 3.25, 3.5, 7.0)
"""How long after its period the handler starts."""
START_GROUPS = ((0,), (1, 2, 3), (4,))
"""Of ``START_MS``: those that are one cluster in the data."""
START_WEIGHTS = (0.47, 0.41, 0.12)
"""Of each cluster, among invocations in a row."""
START_CONCENTRATION = 12.0
"""How near to these a function's own weights lie (Dirichlet)."""
HOST_CPU_FACTORS = (1.0, 14.9 / 17.4, 15.0 / 17.4, 19.1 / 17.4)
"""CPU time on Intel at 2.5, 3.0 and 2.9 GHz, and on AMD EPYC, over that at 2.5 GHz."""
HOST_WEIGHTS = (0.90, 0.06, 0.02, 0.02)
CPU_TIME_ERROR = 0.02
"""Standard deviation of the CPU time that an invocation tells."""

GRID_MB = tuple(sorted({*range(128, 3008 + 1, 64), FULL_SPEED_MB}))
FREE_MB = tuple(sorted({*range(128, 3008 + 1, 16), *GRID_MB}))
QUOTA_COUNT = 120
"""Members of the family."""
_QUANTILE_COUNTS = (192, 32, 16, 16)
"""Of the CPU factor on each of the hosts: the frequent one decides the percentiles."""
_BLOCK = 8
_GOLDEN = (math.sqrt(5) - 1) / 2
_IDLE_PERIODS = 2
"""Period boundaries in a wait, at least, that make one whole period of it idle."""
_NOTHING = 1e-9


@dataclass(frozen=True)
class Piece:
    """A part of a handler: it waits, then it computes."""

    wait_ms: float
    cpu_ms: float
    """On a host at 2.5 GHz, all threads together."""


def durations_ms(
    pieces: Sequence[Piece],
    quota_ms: FloatArray,
    start_ms: FloatArray,
    cpu_factor: FloatArray,
    wait_factor: FloatArray,
    *,
    second_thread: float = 0.0,
) -> FloatArray:
    """How long the handler takes; all arrays are broadcast against each other.

    A waiting handler takes no CPU, and each boundary that it passes pays a
    quota of its debt. When a whole period passes without CPU time and the debt
    is paid, nothing is left to account: the period's clock stops, as the
    kernel stops it, and the next burst starts a period of its own with all of
    its budget. That a clock which starts again forgets where the old one stood
    is an assumption. A shorter wait leaves the clock running. Whoever wakes
    with a debt is held until the boundary that pays it.

    Args:
        pieces: The handler.
        quota_ms: CPU time that a period has, over both vCPUs.
        start_ms: After the beginning of its period.
        cpu_factor: Of the CPU time.
        wait_factor: Of the waits.
        second_thread: Share of each burst's CPU time that a second thread takes
            on the other vCPU, at most a half.
    """
    shape = np.broadcast_shapes(quota_ms.shape, start_ms.shape, cpu_factor.shape, wait_factor.shape)
    quota, start, cpu, wait = (
        np.ascontiguousarray(np.broadcast_to(each, shape)).ravel()
        for each in (quota_ms, start_ms, cpu_factor, wait_factor)
    )
    account = _Account(quota, start.copy())
    for piece in pieces:
        if piece.wait_ms > 0:
            account.sleep(piece.wait_ms * wait)
        if piece.cpu_ms > 0:
            account.compute(2, piece.cpu_ms * second_thread * cpu)
            account.compute(1, piece.cpu_ms * (1 - 2 * second_thread) * cpu)
    return account.elapsed_ms.reshape(shape)


class _Account:
    """The budgets of many independent invocations, each at a moment of its own."""

    def __init__(self, quota_ms: FloatArray, start_ms: FloatArray) -> None:
        self._quota_ms = quota_ms
        self._into_ms = start_ms
        """Into the period."""
        self._left_ms = quota_ms.copy()
        """Of the budget; negative is a debt."""
        self._held = np.zeros(len(quota_ms), dtype=bool)
        self.elapsed_ms = np.zeros(len(quota_ms))

    def sleep(self, wait_ms: FloatArray) -> None:
        """Wait without CPU time, and be looked at when waking."""
        self.elapsed_ms += wait_ms
        boundaries, into_ms = np.divmod(self._into_ms + wait_ms, PERIOD_MS)
        left_ms = np.minimum(self._quota_ms, self._left_ms + boundaries * self._quota_ms)
        stopped = (boundaries >= _IDLE_PERIODS) & (left_ms >= self._quota_ms)
        self._into_ms = np.where(stopped, 0.0, into_ms)
        self._left_ms = left_ms
        self._held = left_ms <= _NOTHING

    def compute(self, threads: int, each_ms: FloatArray) -> None:
        """*threads* threads compute, each *each_ms* on a vCPU of its own."""
        open_ = np.flatnonzero(each_ms > 0)
        todo_ms = each_ms[open_]
        while len(open_):
            into_ms, left_ms = self._into_ms[open_], self._left_ms[open_]
            stop_ms = np.where(self._held[open_], into_ms, self._stopping_tick_ms(into_ms, left_ms, threads))
            runs_ms = np.minimum(np.minimum(stop_ms, PERIOD_MS) - into_ms, todo_ms)
            todo_ms = todo_ms - runs_ms
            ended = todo_ms <= _NOTHING
            left_ms = left_ms - threads * runs_ms
            # Who has not ended waits for the boundary, or has just reached it.
            self.elapsed_ms[open_] += np.where(ended, runs_ms, PERIOD_MS - into_ms)
            self._into_ms[open_] = np.where(ended, into_ms + runs_ms, 0.0)
            refilled_ms = np.minimum(self._quota_ms[open_], left_ms + self._quota_ms[open_])
            self._left_ms[open_] = np.where(ended, left_ms, refilled_ms)
            self._held[open_] = ~ended & (refilled_ms <= _NOTHING)
            open_, todo_ms = open_[~ended], todo_ms[~ended]

    @staticmethod
    def _stopping_tick_ms(into_ms: FloatArray, left_ms: FloatArray, threads: int) -> FloatArray:
        """The first tick after *into_ms* that finds the budget used."""
        next_tick = np.floor(into_ms / TICK_MS + _NOTHING) + 1
        used_up = np.ceil((into_ms + left_ms / threads) / TICK_MS - _NOTHING)
        result: FloatArray = TICK_MS * np.maximum(next_tick, used_up)
        return result


def quota_of(memory_mb: Sequence[int]) -> FloatArray:
    """CPU time of a period, in milliseconds, at each size."""
    return PERIOD_MS * np.array(memory_mb, dtype=np.float64) / FULL_SPEED_MB


def start_weights_of(clusters: Sequence[float]) -> tuple[float, ...]:
    """Weights of ``START_MS`` from those of its clusters."""
    return tuple(weight / len(members) for weight, members in zip(clusters, START_GROUPS, strict=True) for _ in members)


@dataclass(frozen=True)
class QuotaTruth:
    """A short function; what it does not say of its invocations and hosts is as in the constants above."""

    name: str
    memory_mb: tuple[int, ...]
    pieces: tuple[Piece, ...]
    second_thread: float = 0.0
    """Share of each burst that a second thread takes; 0 is one thread."""
    start_weights: tuple[float, ...] = start_weights_of(START_WEIGHTS)
    cpu_spread: float = 0.012
    """Of an invocation's CPU time, in log."""
    wait_spread: float = 0.0
    """Of an invocation's waits, in log."""
    environment_spread: float = 0.015
    """Of an environment's CPU time, in log, besides its host's."""
    slow_share: float = 0.0
    """Invocations that take two to five times as long."""
    tells_cpu: bool = False
    """Whether an invocation tells its CPU time."""
    drift: float = 0.0

    @cached_property
    def _enumerated(self) -> tuple[FloatArray, FloatArray]:
        """Durations (sizes × states), and each state's weight: all hosts × quantiles of the CPU factor × starts."""
        spread = math.hypot(self.cpu_spread, self.environment_spread)
        cpu, wait, weight = [], [], []
        for host, share, count in zip(HOST_CPU_FACTORS, HOST_WEIGHTS, _QUANTILE_COUNTS, strict=True):
            rank = np.arange(count) + 0.5
            cpu.append(host * np.exp(spread * _normal_quantiles(rank / count)))
            wait.append(np.exp(self.wait_spread * _normal_quantiles(rank * _GOLDEN % 1)))
            weight.append(np.full(count, share / count))
        starts = len(START_MS)
        durations = durations_ms(
            self.pieces,
            quota_of(self.memory_mb)[:, None],
            np.tile(START_MS, sum(_QUANTILE_COUNTS)),
            np.repeat(np.concatenate(cpu), starts),
            np.repeat(np.concatenate(wait), starts),
            second_thread=self.second_thread,
        )
        return durations, np.outer(np.concatenate(weight), self.start_weights).ravel()

    @cached_property
    def mean_ms(self) -> FloatArray:
        """Over all states."""
        durations, weights = self._enumerated
        result: FloatArray = durations @ weights * (1 + self.slow_share * ((TAIL_LOW + TAIL_HIGH) / 2 - 1))
        return result

    def percentile_ms(self, percentile: float) -> FloatArray:
        """Over all states, each of them slow too where some invocations are."""
        durations, weights = self._enumerated
        if self.slow_share:
            slow = TAIL_LOW + (TAIL_HIGH - TAIL_LOW) * ((np.arange(len(weights)) * _GOLDEN) % 1)
            durations = np.concatenate([durations, durations * slow], axis=1)
            weights = np.concatenate([weights * (1 - self.slow_share), weights * self.slow_share])
        order = np.argsort(durations, axis=1)
        reached = np.cumsum(weights[order], axis=1) >= percentile / 100 - _NOTHING
        at = np.take_along_axis(order, np.argmax(reached, axis=1)[:, None], axis=1)
        return np.take_along_axis(durations, at, axis=1)[:, 0]

    def environment(self, index: int, generator: np.random.Generator) -> Environment:
        """One on a host of the mix; its invocations are followed some at a time, which costs what one does."""
        quota_ms = quota_of(self.memory_mb[index : index + 1])
        factor = generator.choice(HOST_CPU_FACTORS, p=HOST_WEIGHTS)
        factor *= math.exp(self.environment_spread * generator.standard_normal())
        cpu_ms = sum(piece.cpu_ms for piece in self.pieces)

        def timings() -> Iterator[Timing]:
            while True:
                cpu = factor * np.exp(self.cpu_spread * generator.standard_normal(_BLOCK))
                wait = np.exp(self.wait_spread * generator.standard_normal(_BLOCK))
                start_ms = generator.choice(START_MS, size=_BLOCK, p=self.start_weights)
                taken_ms = durations_ms(self.pieces, quota_ms, start_ms, cpu, wait, second_thread=self.second_thread)
                slow = generator.random(_BLOCK) < self.slow_share
                taken_ms *= np.where(slow, generator.uniform(TAIL_LOW, TAIL_HIGH, _BLOCK), 1.0)
                told_ms = cpu_ms * cpu * np.exp(CPU_TIME_ERROR * generator.standard_normal(_BLOCK))
                for duration_ms, told in zip(taken_ms.tolist(), told_ms.tolist(), strict=True):
                    yield Timing(duration_ms, told if self.tells_cpu else None)

        return timings().__next__


def _normal_quantiles(ranks: Iterable[float]) -> FloatArray:
    return np.array([NormalDist().inv_cdf(float(rank)) for rank in ranks])


def quota_truth(position: int, *, memory_mb: tuple[int, ...] = GRID_MB, tells_cpu: bool = False) -> QuotaTruth:
    """The *position*-th function of the family; its sizes and what it tells change nothing else of it."""
    generator = np.random.default_rng((position, 14))
    cpu_ms = math.exp(generator.uniform(math.log(3), math.log(150)))
    wait_count = int(generator.integers(0, 5))
    total_wait_ms = math.exp(generator.uniform(math.log(3), math.log(300)))
    cpu_shares = generator.dirichlet(np.full(wait_count + 1, 2.0))
    if wait_count:  # A handler may begin or end with a wait.
        cpu_shares[generator.choice([0, -1])] *= generator.random() < 0.5
    cpu_shares /= cpu_shares.sum()
    wait_shares = [0.0, *generator.dirichlet(np.full(wait_count, 2.0))]
    second_thread = generator.uniform(0.2, 0.5) if generator.random() < 1 / 3 else 0.0
    return QuotaTruth(
        f"quota-{position}",
        memory_mb,
        tuple(Piece(total_wait_ms * w, cpu_ms * c) for w, c in zip(wait_shares, cpu_shares.tolist(), strict=True)),
        second_thread,
        start_weights_of(generator.dirichlet(START_CONCENTRATION * np.array(START_WEIGHTS)).tolist()),
        cpu_spread=generator.uniform(0.01, 0.03),
        wait_spread=generator.uniform(0.01, 0.05),
        environment_spread=generator.uniform(0.01, 0.02),
        slow_share=generator.uniform(0.0, 0.01),
        tells_cpu=tells_cpu,
    )


QUOTA_KINDS: dict[str, Callable[[int], QuotaTruth]] = {
    "quota": quota_truth,
    "quota-free": partial(quota_truth, memory_mb=FREE_MB),
    "quota-cpu": partial(quota_truth, tells_cpu=True),
}
"""The same functions at sizes 64 MB apart, with sizes 16 MB apart allowed too, and with CPU times."""
