"""The broad prior over how duration falls with memory size, and what an invocation's CPU time says of it.

The family is ``a + b · max((1/m)^k, (1/c)^k)``: a share that memory does not
change, and a share that falls with it until it saturates at ``c``. It fits
measured curves of real functions to 2.6 % in the median; what it misses
(threads, cliffs, rising ends) is left to the misfit term of the posterior.
The level is integrated out there, so a shape is relative.

A function gets CPU in proportion to its memory, one vCPU at 1,769 MB. The part
of its duration that scales is spent on that share; the rest it waits. So CPU
time over duration, at one size, tells how high the floor lies, and what it
reaches at a large size tells over how many threads it is spread. The ratio says
nothing of the level, which cancels, and is nearly free of the host's own speed.
It enters as a likelihood of the shapes alone.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from tuner.core.aws_limits import ONE_VCPU_MB
from tuner.core.search import priors
from tuner.core.search.samples import Samples
from tuner.core.search.space import FloatArray, Space

SHAPE_COUNT = 256
_ANCHOR_MB = 128.0


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
    kinds = np.array(priors.SHAPE_KINDS)
    kind = np.searchsorted(np.cumsum(kinds), unit[:, 0] * kinds.sum() * 0.999999)
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
    return np.asarray(np.log(floor[:, None] + (1 - floor[:, None]) * falling))


def utilisation(log_memory: FloatArray, count: int = SHAPE_COUNT) -> FloatArray:
    """CPU time over duration under each of the shapes at each size, shape (count, sizes); above 1 with threads.

    The part that scales runs on the CPU share of its size, up to that of its
    saturation.
    """
    floor, exponent, saturation_mb = _parameters(count)
    bound = np.minimum(log_memory[None, :], np.log(saturation_mb)[:, None])
    falling = (1 - floor)[:, None] * np.exp(-exponent[:, None] * (bound - math.log(_ANCHOR_MB)))
    return np.asarray(falling * np.exp(bound) / ONE_VCPU_MB / (floor[:, None] + falling))


def shape_log_weights(space: Space, samples: Samples, count: int) -> FloatArray | None:
    """Logarithm of the likelihood of the CPU times under each of *count* shapes, up to a constant.

    One ratio a size, the median of its warm invocations. Sizes at which an
    invocation got more than its share are left out. ``None`` if no size is
    left, or no CPU time was measured: nothing is known of the shapes then.
    """
    known = ~samples.cold & (samples.cpu_ratio >= 0)
    indices, ratios, counts = [], [], []
    for index in np.unique(samples.candidate[known]):
        at_size = samples.cpu_ratio[known & (samples.candidate == index)]
        ratio = float(np.median(at_size))
        if ratio <= priors.UNTHROTTLED * math.exp(space.log_memory[index]) / ONE_VCPU_MB:
            indices.append(int(index))
            ratios.append(ratio)
            counts.append(len(at_size))
    if not indices:
        return None
    expected = utilisation(space.log_memory[indices], count)
    residual = np.log(np.array(ratios) + priors.CPU_RATIO_OFFSET)[None, :] - np.log(expected + priors.CPU_RATIO_OFFSET)
    size = len(indices)
    covariance = np.full((size, size), priors.CPU_COMMON_ERROR**2) + np.diag(
        priors.CPU_OWN_ERROR**2 + priors.CPU_SCATTER**2 / np.array(counts)
    )
    square = np.einsum("si,ij,sj->s", residual, np.linalg.inv(covariance), residual)
    near = math.log(1 - priors.CPU_WIDE_SHARE) - 0.5 * square
    far = (
        math.log(priors.CPU_WIDE_SHARE)
        - size * math.log(priors.CPU_WIDE_FACTOR)
        - 0.5 * square / priors.CPU_WIDE_FACTOR**2
    )
    return np.asarray(np.logaddexp(near, far))
