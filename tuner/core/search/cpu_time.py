"""What an invocation's CPU time says of the curve: how much of it scales with memory, and up to where.

A function gets CPU in proportion to its memory, one vCPU at 1,769 MB. The part
of its duration that scales is spent on that share; the rest it waits. So CPU
time over duration, at one size, tells how high the floor lies, and what it
reaches at a large size tells over how many threads it is spread.

The ratio says nothing of the level, which cancels, and is nearly free of the
host's own speed. It enters as a likelihood of the shapes alone.
"""

from __future__ import annotations

import math

import numpy as np

from tuner.core.request.memory_sizes import ONE_VCPU_MB
from tuner.core.search.evidence import Evidence
from tuner.core.search.shapes import utilisation
from tuner.core.search.space import FloatArray, Space

OFFSET = 0.03
"""Added to a ratio before its logarithm is taken: below some per cent the rest of the process decides."""
COMMON_ERROR = 0.08
"""Spread of what all sizes' ratios are off by, in log: how a share is kept, and what counts as CPU time."""
OWN_ERROR = 0.08
"""Spread of what one size's ratio is off by, in log, beside the scatter of its invocations."""
SCATTER = 0.15
"""Spread of one invocation's ratio, in log."""
WIDE_SHARE = 0.05
WIDE_FACTOR = 5.0
"""With this probability the ratios are off by so many times as much: the family is not the function's."""
UNTHROTTLED = 1.3
"""Above so many times its share an invocation was not held back: it is shorter than a period of the CPU's quota."""


def shape_log_weights(space: Space, evidence: Evidence, count: int) -> FloatArray | None:
    """Logarithm of the likelihood of the CPU times under each of *count* shapes, up to a constant.

    One ratio a size, the median of its warm invocations. Sizes at which an
    invocation got more than its share are left out. ``None`` where no size is
    left, or no CPU time was measured: nothing is known of the shapes then.
    """
    known = ~evidence.cold & (evidence.cpu_ratio >= 0)
    indices, ratios, counts = [], [], []
    for index in np.unique(evidence.candidate[known]):
        at_size = evidence.cpu_ratio[known & (evidence.candidate == index)]
        ratio = float(np.median(at_size))
        if ratio <= UNTHROTTLED * math.exp(space.log_memory[index]) / ONE_VCPU_MB:
            indices.append(int(index))
            ratios.append(ratio)
            counts.append(len(at_size))
    if not indices:
        return None
    expected = utilisation(space.log_memory[indices], count)
    residual = np.log(np.array(ratios) + OFFSET)[None, :] - np.log(expected + OFFSET)
    size = len(indices)
    covariance = np.full((size, size), COMMON_ERROR**2) + np.diag(OWN_ERROR**2 + SCATTER**2 / np.array(counts))
    square = np.einsum("si,ij,sj->s", residual, np.linalg.inv(covariance), residual)
    near = math.log(1 - WIDE_SHARE) - 0.5 * square
    far = math.log(WIDE_SHARE) - size * math.log(WIDE_FACTOR) - 0.5 * square / WIDE_FACTOR**2
    result: FloatArray = np.logaddexp(near, far)
    return result
