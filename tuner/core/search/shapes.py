"""The broad prior over how duration falls with memory size.

The family is ``a + b · max((1/m)^k, (1/c)^k)``: a share that memory does not
change, and a share that falls with it until it saturates at ``c``. It fits
measured curves of real functions to 2.6 % in the median; what it misses
(threads, cliffs, rising ends) is left to the misfit term of the posterior.
The level is integrated out there, so a shape is relative.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from tuner.core.request.memory_sizes import ONE_VCPU_MB
from tuner.core.search.space import FloatArray

SHAPE_COUNT = 256
_ANCHOR_MB = 128.0
_KINDS = np.array([0.38, 0.34, 0.11, 0.09, 0.08])
"""Shares of kinds seen in 173 measured curves: CPU with a floor, CPU with almost
none, mild (waiting with some CPU), super-linear first steps, flat."""


def _quasi_random(count: int, dimensions: int) -> FloatArray:
    """Additive low-discrepancy points (Roberts' R-sequence): the same on every machine."""
    root = 2.0
    for _ in range(40):
        root = (1 + root) ** (1 / (dimensions + 1))
    steps = np.array([root ** -(i + 1) for i in range(dimensions)])
    points: FloatArray = (0.5 + np.outer(np.arange(1, count + 1), steps)) % 1.0
    return points


def _between(unit: FloatArray, low: float, high: float) -> FloatArray:
    return low + (high - low) * unit


def _between_log(unit: FloatArray, low: float, high: float) -> FloatArray:
    return np.exp(_between(unit, math.log(low), math.log(high)))


@lru_cache(maxsize=4)
def _parameters(count: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Floor (share of the duration at 128 MB that does not scale), exponent, saturation in MB."""
    unit = _quasi_random(count, 4)
    kind = np.searchsorted(np.cumsum(_KINDS), unit[:, 0] * _KINDS.sum() * 0.999999)
    u, v, w = unit[:, 1], unit[:, 2], unit[:, 3]
    floor = np.select(
        [kind == 0, kind == 1, kind == 2, kind == 3],
        [_between_log(u, 0.02, 0.4), _between_log(u, 0.0005, 0.02), _between(u, 0.4, 0.8), _between_log(u, 0.001, 0.2)],
        _between(u, 0.8, 1.0),
    )
    exponent = np.where(kind == 3, _between(v, 1.2, 1.9), _between(v, 0.75, 1.2))
    exponent = np.where((kind == 0) | (kind == 2), _between(v, 0.6, 1.25), exponent)
    # Most saturate near one vCPU (1,769 MB); threads go on, small handlers stop earlier.
    saturation_mb = np.where(
        w < 0.8, _between_log(w / 0.8, 450.0, 3200.0), _between_log((w - 0.8) / 0.2, 3200.0, 10240)
    )
    return floor, exponent, saturation_mb


def log_shapes(log_memory: FloatArray, count: int = SHAPE_COUNT) -> FloatArray:
    """Logarithm of *count* shapes at each size, shape (count, sizes); 0 at 128 MB."""
    floor, exponent, saturation_mb = _parameters(count)
    scaled = np.minimum(log_memory[None, :], np.log(saturation_mb)[:, None]) - math.log(_ANCHOR_MB)
    falling = np.exp(-exponent[:, None] * scaled)
    result: FloatArray = np.log(floor[:, None] + (1 - floor[:, None]) * falling)
    return result


def utilisation(log_memory: FloatArray, count: int = SHAPE_COUNT) -> FloatArray:
    """CPU time over duration under each of the shapes at each size, shape (count, sizes); above 1 with threads.

    The part that scales runs on the CPU share of its size, up to that of its
    saturation.
    """
    floor, exponent, saturation_mb = _parameters(count)
    bound = np.minimum(log_memory[None, :], np.log(saturation_mb)[:, None])
    falling = (1 - floor)[:, None] * np.exp(-exponent[:, None] * (bound - math.log(_ANCHOR_MB)))
    result: FloatArray = falling * np.exp(bound) / ONE_VCPU_MB / (floor[:, None] + falling)
    return result
