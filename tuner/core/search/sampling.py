"""What both families of hypotheses draw by: sums of weights in log, systematic resampling, and the misfit's kernel."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from tuner.core.search.space import FloatArray, IntArray


def log_sum(log_weights: FloatArray) -> float:
    """Logarithm of the sum of weights that are given in log."""
    peak = float(log_weights.max())
    return peak + math.log(float(np.exp(log_weights - peak).sum()))


def resample(log_weights: FloatArray, count: int, generator: np.random.Generator) -> IntArray:
    """*count* rows in proportion to their weights, ascending; each keeps its exact share, which leaves less to luck."""
    weights = np.exp(log_weights - log_weights.max())
    cumulative = np.cumsum(weights / weights.sum())
    positions = (np.arange(count) + generator.random()) / count
    return np.minimum(np.searchsorted(cumulative, positions), len(log_weights) - 1)


@lru_cache(maxsize=16)
def misfit_kernel(log_memory: tuple[float, ...], length: float) -> tuple[FloatArray, FloatArray]:
    """Unit covariance of a misfit over sites, *length* in log memory, and its Cholesky factor."""
    points = np.array(log_memory)
    kernel = np.exp(-0.5 * ((points[:, None] - points[None, :]) / length) ** 2)
    unique, inverse = np.unique(points, return_inverse=True)
    between = (unique[:, None] - unique[None, :]) / length
    factor = np.linalg.cholesky(np.exp(-0.5 * between**2) + 1e-6 * np.eye(len(unique)))
    return kernel, factor[inverse]
