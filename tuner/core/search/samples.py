"""What the observations of a run, and of those before it, say of durations; how far runs may lie apart.

A run's durations share a factor of their own: the hosts of that hour, what the
function calls, how full its tables are. So what an earlier run measured tells
the curve's shape and the noise as well as today's own invocations do, and its
level less well the older it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tuner.core.errors import InvalidRequest
from tuner.core.measurement.disturbance import error_ratio, is_left_out
from tuner.core.model import EarlierRun, Invocation, Observation, SearchProblem, invocations_of
from tuner.core.search import priors
from tuner.core.search.space import BoolArray, FloatArray, IntArray, Space

_SHORTEST_MS = 0.01
"""Durations of 0 are records of less than their own resolution."""


@dataclass(frozen=True)
class Samples:
    """Successful, measured invocations as parallel arrays, sorted so that their order cannot matter."""

    log_ms: FloatArray
    candidate: IntArray
    environment: IntArray
    """Numbers execution environments; unique over candidates."""
    cold: BoolArray
    payload: IntArray
    """Which of the run's payloads each invocation got."""
    cpu_ratio: FloatArray
    """CPU time over duration; -1 if no CPU time was measured."""
    error: FloatArray
    """How far off each may be, in log, because other work on the machine disturbed it; 0 if it did not."""
    environment_candidate: IntArray
    """The candidate that each environment belongs to."""
    environment_run: IntArray
    """The run that each environment was seen in: 0 is this one, the earlier ones follow."""
    run_covariance: FloatArray
    """Runs × runs: covariance of how far each run's durations lie from this run's, in log; 0 for this one."""

    size: int
    """How many candidates there are."""

    @property
    def warm_count(self) -> int:
        """Warm invocations in all."""
        return int((~self.cold).sum())

    @property
    def warm_counts(self) -> IntArray:
        """Warm invocations at each candidate."""
        return self._count(self.candidate[~self.cold])

    @property
    def own_warm_counts(self) -> IntArray:
        """Warm invocations of this run at each candidate."""
        return self._count(self.candidate[self._own_warm])

    @property
    def environment_counts(self) -> IntArray:
        """Environments with a warm invocation, at each candidate."""
        return self._count(self.environment_candidate[np.unique(self.environment[~self.cold])])

    @property
    def own_environment_counts(self) -> IntArray:
        """Environments of this run with a warm invocation, at each candidate."""
        return self._count(self.environment_candidate[np.unique(self.environment[self._own_warm])])

    @property
    def _own_warm(self) -> BoolArray:
        return np.asarray(~self.cold & (self.environment_run[self.environment] == 0))

    def thinned(self, most: int) -> Samples:
        """At most so many of them, evenly over sizes, environments and, within these, durations."""
        if len(self.log_ms) <= most:
            return self
        return self._only(np.linspace(0, len(self.log_ms) - 1, most).astype(np.int64))

    def undisturbed(self, most: float) -> Samples:
        """Those that other work moved by no more than this, in log."""
        quiet = self.error <= most
        return self if quiet.all() else self._only(np.flatnonzero(quiet))

    def _only(self, rows: IntArray) -> Samples:
        by_row = ("log_ms", "candidate", "environment", "cold", "payload", "cpu_ratio", "error")
        return replace(self, **{name: getattr(self, name)[rows] for name in by_row})

    def _count(self, candidates: IntArray) -> IntArray:
        return np.bincount(candidates, minlength=self.size).astype(np.int64)


def read_samples(
    space: Space,
    observations: Sequence[Observation],
    earlier: Sequence[EarlierRun] = (),
    run_covariance: FloatArray | None = None,
) -> Samples:
    """Arrays of the invocations that can teach something about durations.

    An invocation that names no environment is taken to share one with the
    others of its candidate: this is how one after the other land. No two runs
    share an environment. What earlier runs measured outside of the space is left out.

    Raises:
        InvalidRequest: A duration is negative, infinite or not a number; it is named.
    """
    rows: list[tuple[int, int, str, bool, int, float, float, float]] = []
    left_out = is_left_out(observations)
    for run, seen in enumerate([observations, *(run.observations for run in earlier)]):
        for observation in seen:
            if run and observation.candidate not in space.candidates:
                continue
            index = space.index_of(observation.candidate)
            for invocation in observation.invocations:
                if invocation.outcome != "ok" or invocation.duration_ms is None:
                    continue
                if not run and left_out(invocation):
                    continue
                duration_ms = checked_duration_ms(observation, invocation)
                cpu_ratio = -1.0 if invocation.cpu_ms is None else invocation.cpu_ms / duration_ms
                place = (run, index, invocation.environment or "", invocation.cold, invocation.payload_index)
                rows.append((*place, math.log(duration_ms), cpu_ratio, error_ratio(invocation)))
    rows.sort()
    environments: dict[tuple[int, int, str], int] = {}
    for run, index, environment, *_ in rows:
        environments.setdefault((run, index, environment), len(environments))
    return Samples(
        log_ms=np.array([row[5] for row in rows]),
        candidate=np.array([row[1] for row in rows], dtype=np.int64),
        environment=np.array([environments[row[:3]] for row in rows], dtype=np.int64),
        cold=np.array([row[3] for row in rows], dtype=np.bool_),
        payload=np.array([row[4] for row in rows], dtype=np.int64),
        cpu_ratio=np.array([row[6] for row in rows]),
        error=np.array([row[7] for row in rows]),
        environment_candidate=np.array([index for _, index, _ in environments], dtype=np.int64),
        environment_run=np.array([run for run, _, _ in environments], dtype=np.int64),
        run_covariance=np.zeros((1, 1)) if run_covariance is None else run_covariance,
        size=len(space.candidates),
    )


def checked_duration_ms(observation: Observation, invocation: Invocation) -> float:
    """The invocation's duration; refused by name if no clock can have measured it, or its CPU time."""
    duration_ms, cpu_ms = invocation.duration_ms, invocation.cpu_ms
    for what, value_ms in (("duration", duration_ms), ("CPU time", 0.0 if cpu_ms is None else cpu_ms)):
        if value_ms is None or not math.isfinite(value_ms) or value_ms < 0:
            raise InvalidRequest(
                [
                    f"invocation {invocation.request_id} at {observation.candidate} has the {what} {value_ms} ms, "
                    "which no clock can have measured"
                ],
                hint="Delete this observation from the run's folder in the bucket, or start the run again.",
            )
    assert duration_ms is not None
    return max(duration_ms, _SHORTEST_MS)


def payload_failure(observations: Sequence[Observation]) -> Invocation | None:
    """The failed invocation if the payload check of round 1 failed, else None.

    The caller raises ``PayloadFailed`` with it: a payload at which the
    function fails at its current size says nothing about memory sizes.
    """
    invocations = invocations_of(observation for observation in observations if observation.round == 1)
    if any(invocation.outcome in ("ok", "unmeasured") for invocation in invocations):
        return None
    return invocations[0] if invocations else None


def round_number(observations: Sequence[Observation]) -> int:
    """The last round that was measured; 0 before the first."""
    return max((observation.round for observation in observations), default=0)


def is_single_payload(problem: SearchProblem) -> bool:
    """Whether every invocation gets the same payload."""
    return len(problem.payload_weights) <= 1


MAX_AGE_DAYS = 60.0
MAX_RUNS = 12
MAX_INVOCATIONS = 64
"""More of them would slow every suggestion and say little more."""

_LASTING = frozenset({"ok", "out_of_memory", "timeout"})
"""Outcomes that follow from code, payload and size. An error may have had a cause that is gone."""


def run_covariance(earlier: Sequence[EarlierRun], own_spread: float | None = None) -> FloatArray:
    """Covariance of how far each run's durations lie from this run's, in log; the first row is this run's, 0.

    This run's own deviation is common to all differences, so that many earlier
    runs together do not pretend to know today's level. Earlier runs come the latest first; without *own_spread*, the
    age of that one decides.
    """
    size = len(earlier) + 1
    result = np.zeros((size, size))
    if earlier:
        if own_spread is None:
            own_spread = priors.RUN_SPREAD * float(np.sqrt(1 + earlier[0].age_days / priors.DAYS_TO_DOUBLE))
        result[1:, 1:] = own_spread**2 + priors.RUN_SPREAD**2 * np.eye(size - 1)
    return result


def with_earlier_outcomes(observations: Sequence[Observation], earlier: Sequence[EarlierRun]) -> list[Observation]:
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
        count += len(invocations_of(run.observations))
        if run.age_days > MAX_AGE_DAYS or len(chosen) == MAX_RUNS or (chosen and count > MAX_INVOCATIONS):
            break
        chosen.append(run)
    return tuple(chosen)
