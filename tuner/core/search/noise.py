"""The noise of one invocation: a log-normal core and a rare, slow tail.

Measured durations have a tight core and rare values two to eight times
larger. The core's spread is shared between sizes; a second spread belongs to
the execution environment, which carries a factor of its own.
"""

from __future__ import annotations

import math

import numpy as np

from tuner.core.search.space import FloatArray

_GRID = np.linspace(-8.0, 8.0, 3201)
_CDF = np.array([0.5 * (1 + math.erf(x / math.sqrt(2))) for x in _GRID])


def normal_cdf(x: FloatArray) -> FloatArray:
    """Standard normal distribution function, by table (numpy has none)."""
    return np.asarray(np.interp(x, _GRID, _CDF))


def normal_quantile(share: FloatArray) -> FloatArray:
    """Inverse of :func:`normal_cdf`, by the same table."""
    return np.asarray(np.interp(share, _CDF, _GRID))


def log_quantile(
    percentile: float, spread: FloatArray, tail_share: FloatArray, tail_log_factors: FloatArray
) -> FloatArray:
    """Logarithm of a percentile over the core's median, for each draw of the noise.

    Args:
        percentile: 0 to 100, exclusive.
        spread: Standard deviation of the core's logarithm.
        tail_share: Share of invocations that are slower by one of the factors.
        tail_log_factors: Draws × factors: logarithms, equally likely.
    """
    target = percentile / 100
    shifts = tail_log_factors.T
    # The mixture lies above its core, and below the core that had to make up for the tail.
    core_alone = normal_quantile(np.full(len(spread), target)) * spread
    low = core_alone
    slowest = core_alone + shifts.max(axis=0)
    in_core = target / (1 - tail_share)
    high = np.where(in_core < 1, np.minimum(normal_quantile(np.minimum(in_core, 1.0)) * spread, slowest), slowest)
    for _ in range(14):
        middle = (low + high) / 2
        core = normal_cdf(middle / spread)
        tail = normal_cdf((middle - shifts) / spread).mean(axis=0)
        below = (1 - tail_share) * core + tail_share * tail < target
        low = np.where(below, middle, low)
        high = np.where(below, high, middle)
    return np.asarray((low + high) / 2)


def log_mean(spread: FloatArray, tail_share: FloatArray, tail_excess: FloatArray) -> FloatArray:
    """Logarithm of the mean over the core's median; *tail_excess* is the tail's mean factor minus 1."""
    return np.asarray(spread**2 / 2 + np.log1p(tail_share * tail_excess))
