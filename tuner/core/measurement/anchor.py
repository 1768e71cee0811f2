"""One duration known from AWS, to which what this machine measured is scaled.

On the embedded AWS the ratios between memory sizes hold and the milliseconds
are the machine's. A user who knows how long the function takes at one size on
AWS turns them into AWS's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from tuner.core.model import Invocation, Observation
from tuner.core.request.tuning_request import ObservedDuration


def anchor_factor(observations: Sequence[Observation], observed: ObservedDuration | None) -> float | None:
    """By how much AWS's duration differs from this machine's.

    Returns:
        The known duration divided by the median of the warm ones measured at
        its size; ``None`` if there is no anchor, or nothing measured there yet.
    """
    if observed is None:
        return None
    warm = [
        invocation.duration_ms
        for observation in observations
        if observation.candidate.memory_mb == observed.memory_mb
        for invocation in observation.invocations
        if invocation.outcome == "ok" and not invocation.cold and invocation.duration_ms
    ]
    return observed.duration_ms / median(warm) if warm else None


def anchored(observations: Sequence[Observation], observed: ObservedDuration | None) -> list[Observation]:
    """Scale every duration by the anchor's factor, and CPU time with it; unchanged if there is none."""
    return scaled(observations, anchor_factor(observations, observed))


def scaled(observations: Sequence[Observation], factor: float | None) -> list[Observation]:
    """Multiply every duration, and CPU time with it; unchanged without a factor."""
    if factor is None:
        return list(observations)
    return [
        replace(observation, invocations=tuple(_scaled(invocation, factor) for invocation in observation.invocations))
        for observation in observations
    ]


def _scaled(invocation: Invocation, factor: float) -> Invocation:
    if invocation.duration_ms is None or invocation.outcome != "ok":
        return invocation
    duration_ms = invocation.duration_ms * factor
    init_ms = None if invocation.init_ms is None else invocation.init_ms * factor
    return replace(
        invocation,
        duration_ms=duration_ms,
        init_ms=init_ms,
        billed_ms=math.ceil(duration_ms + (init_ms or 0.0)),
        cpu_ms=None if invocation.cpu_ms is None else invocation.cpu_ms * factor,
        core_wait_ms=None if invocation.core_wait_ms is None else invocation.core_wait_ms * factor,
        core_wait_error_ms=None if invocation.core_wait_error_ms is None else invocation.core_wait_error_ms * factor,
    )
