"""From joint draws to what matters: cost and the goal's percentile at every candidate.

Production is a mixture: of payloads by their weight, of the tight core and
the slow tail, and, if the share of cold starts is known, of warm and cold
requests. A cold one takes its init and a slower first run.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tuner.core.answer.recommendation import Interval
from tuner.core.model import Observation, SearchProblem, invocations_of
from tuner.core.search import priors
from tuner.core.search.noise import log_mean, log_quantile, normal_cdf, normal_quantile
from tuner.core.search.posterior import Draws
from tuner.core.search.space import CACHED, FloatArray, Space, slices


@dataclass(frozen=True)
class ColdStarts:
    """How production's cold starts enter cost and goal."""

    share: float = 0.0
    init_ms: float = 0.0
    """Mean init (or restore) duration over all candidates; init gets the same CPU at every memory size."""


WARM_ONLY = ColdStarts()


def cold_starts_of(problem: SearchProblem, observations: Sequence[Observation]) -> ColdStarts:
    """The production's cold share with the init that was measured; warm only if the share is unknown."""
    if not problem.cold_start_share:
        return WARM_ONLY
    inits_ms = [each.init_ms for each in invocations_of(observations) if each.init_ms is not None]
    return ColdStarts(problem.cold_start_share, float(np.mean(inits_ms)) if inits_ms else 0.0)


@dataclass(frozen=True)
class Prediction:
    """Draws × candidates of what a choice depends on."""

    draws: Draws
    cold: ColdStarts
    cost_per_million_usd: FloatArray
    percentile_ms: FloatArray | None
    """The goal's percentile; None if there is no goal."""

    @functools.cached_property
    def estimate_ms(self) -> FloatArray:
        """Candidates: the median of the percentile's draws; there is a goal."""
        assert self.percentile_ms is not None
        return np.asarray(np.median(self.percentile_ms, axis=0))


def predict(space: Space, draws: Draws, problem: SearchProblem, cold: ColdStarts = WARM_ONLY) -> Prediction:
    """Price every draw, and read the goal's percentile from its noise."""
    goal = problem.goal
    percentile_ms = percentile_of(draws, goal.percentile, cold) if goal is not None else None
    return Prediction(draws, cold, space.cost_per_million_usd(mean_of(draws, cold)), percentile_ms)


def mean_of(draws: Draws, cold: ColdStarts = WARM_ONLY) -> FloatArray:
    """Draws × candidates of the mean duration, in milliseconds; init is part of a cold one."""
    each_ms = draws.log_median + log_mean(draws.spread, draws.tail_share, draws.tail_excess)[:, None, None]
    np.exp(each_ms, out=each_ms)
    mean_ms: FloatArray = np.einsum("spj,p->sj", each_ms, draws.payload_share)
    if draws.quota is not None:
        rows = slice(len(mean_ms) - len(draws.quota.world), None)
        mean_ms[rows] = draws.quota.mean_ms[draws.quota.world] * (1 + draws.tail_share * draws.tail_excess)[rows, None]
    if cold.share:
        slower_ms = mean_ms * np.exp(draws.cold_offset)[:, None] + cold.init_ms
        mean_ms = (1 - cold.share) * mean_ms + cold.share * slower_ms
    return mean_ms


def percentile_of(draws: Draws, percentile: float, cold: ColdStarts = WARM_ONLY) -> FloatArray:
    """Draws × candidates of a percentile of the duration in production, in milliseconds."""
    count, _, size = draws.log_median.shape
    if len(draws.payload_share) == 1 and not cold.share:
        factor = log_quantile(percentile, draws.spread, draws.tail_share, draws.tail_log_factors)
        result = np.asarray(np.exp(draws.log_median[:, 0] + factor[:, None]))
    else:
        result = np.empty((count, size))
        for some in slices(count, size, CACHED):
            result[some] = np.exp(_mixture_quantile(percentile / 100, *_components(draws[some], cold)))
    if draws.quota is not None:
        rows = slice(count - len(draws.quota.world), None)
        # Cold starts and the tail lie above the rest.
        share = percentile / 100 / ((1 - draws.tail_share[rows]) * (1 - cold.share))
        own = np.exp(draws.quota.log_quantile(np.minimum(share, 1.0)))
        result[rows] = np.where((share < 1)[:, None], own, np.maximum(own, result[rows]))
    return result


def _components(draws: Draws, cold: ColdStarts) -> tuple[list[FloatArray], list[FloatArray], FloatArray]:
    """Shares (draws), medians in log (draws × candidates) and the spread (draws) of the mixture's parts."""
    shares, medians = [], []
    for payload, payload_share in enumerate(draws.payload_share):
        median = draws.log_median[:, payload]
        warm_share = payload_share * (1 - cold.share)
        shares.append(warm_share * (1 - draws.tail_share))
        medians.append(median)
        # One factor stands for the tail: next to payloads and cold starts its own form is a detail.
        shares.append(warm_share * draws.tail_share)
        medians.append(median + np.log1p(draws.tail_excess)[:, None])
        if cold.share:
            shares.append(np.full(len(median), payload_share * cold.share))
            slower = median + draws.cold_offset[:, None]
            medians.append(np.logaddexp(slower, math.log(cold.init_ms)) if cold.init_ms > 0 else slower)
    return shares, medians, draws.spread


def _mixture_quantile(
    target: float, shares: list[FloatArray], medians: list[FloatArray], spread: FloatArray
) -> FloatArray:
    """Logarithm of the quantile of a mixture of log-normals, by bisection between its parts' own quantiles."""
    width = spread[:, None]
    own = [median + normal_quantile(np.full(1, target)) * width for median in medians]
    low, high = np.minimum.reduce(own), np.maximum.reduce(own)
    for _ in range(22):
        middle = (low + high) / 2
        below = np.zeros_like(middle)
        for share, median in zip(shares, medians, strict=True):
            below += share[:, None] * normal_cdf((middle - median) / width)
        low = np.where(below < target, middle, low)
        high = np.where(below < target, high, middle)
    return np.asarray((low + high) / 2)


def intervals_of(values: FloatArray) -> list[Interval]:
    """Median and the middle 90 % of the draws, for each column."""
    low, middle, high = np.quantile(values, (0.05, 0.5, 0.95), axis=0)
    return [Interval(float(m), float(lo), float(hi)) for lo, m, hi in zip(low, middle, high, strict=True)]


def slowest_ms(draws: Draws, pick: int) -> FloatArray:
    """Draws: what an invocation of the slowest payload and tail that were ever assumed takes at a candidate."""
    return np.asarray(np.exp(draws.log_median[:, :, pick].max(axis=1) + 2 * draws.spread) * priors.TAIL_FACTORS[-1])
