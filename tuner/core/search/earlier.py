"""Earlier runs as evidence: how far their durations may lie from today's, and which of their facts hold on.

A run's durations share a factor of their own: the hosts of that hour, what the
function calls, how full its tables are. So what an earlier run measured tells
the curve's shape and the noise as well as today's own invocations do, and its
level less well the older it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tuner.core.model import EarlierRun, Observation
from tuner.core.search.space import FloatArray

RUN_SPREAD = 0.03
"""By how much the durations of two runs an hour apart differ as a whole, in log."""
DAYS_TO_DOUBLE = 10.0
"""After so many days this run's own part of that has twice the variance."""
MAX_AGE_DAYS = 60.0
MAX_RUNS = 12
MAX_INVOCATIONS = 64
"""More of them would slow every suggestion and say little more."""

_LASTING = frozenset({"ok", "out_of_memory", "timeout"})
"""Outcomes that follow from code, payload and size. An error may have had a cause that is gone."""


def run_covariance(earlier: Sequence[EarlierRun], own_spread: float | None = None) -> FloatArray:
    """Covariance of how far each run's durations lie from this run's, in log; the first row is this run's, 0.

    This run's own deviation is common to all differences, so that many earlier
    runs together do not pretend to know today's level.

    Args:
        earlier: The latest first.
        own_spread: Of this run's own deviation; by the age of the latest where absent.
    """
    size = len(earlier) + 1
    result = np.zeros((size, size))
    if earlier:
        if own_spread is None:
            own_spread = RUN_SPREAD * float(np.sqrt(1 + earlier[0].age_days / DAYS_TO_DOUBLE))
        result[1:, 1:] = own_spread**2 + RUN_SPREAD**2 * np.eye(size - 1)
    return result


def with_earlier_facts(observations: Sequence[Observation], earlier: Sequence[EarlierRun]) -> list[Observation]:
    """Give the observations from which facts about sizes follow, the earlier runs' lasting ones among them."""
    lasting = [
        replace(observation, invocations=tuple(i for i in observation.invocations if i.outcome in _LASTING))
        for run in earlier
        for observation in run.observations
    ]
    return [*observations, *lasting]


def recent(runs: Sequence[EarlierRun]) -> tuple[EarlierRun, ...]:
    """Those that are worth reading: the latest first, not too old, and no more invocations than help."""
    chosen: list[EarlierRun] = []
    count = 0
    for run in sorted(runs, key=lambda run: (run.age_days, run.run_id)):
        count += sum(len(observation.invocations) for observation in run.observations)
        if run.age_days > MAX_AGE_DAYS or len(chosen) == MAX_RUNS or (chosen and count > MAX_INVOCATIONS):
            break
        chosen.append(run)
    return tuple(chosen)
