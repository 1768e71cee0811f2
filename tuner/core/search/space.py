"""The candidates of a run as arrays, what a millisecond costs at each of them, and large tables in slices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from tuner.core.aws_limits import ONE_VCPU_MB
from tuner.core.model import Candidate, SearchProblem
from tuner.core.money.pricing import candidate_per_second_usd, restore_cost_usd
from tuner.core.request.tuning_request import ROUND_SIZES_MB

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Space:
    """Everything about the candidates that the model and the decision need, by index."""

    candidates: tuple[Candidate, ...]
    log_memory: FloatArray
    other_architecture: FloatArray
    """1.0 if the candidate's architecture is not the current one's, else 0.0."""
    is_round: BoolArray
    """Sizes that people type, one vCPU among them; a pick may be rounded to one."""
    usd_per_ms: FloatArray
    usd_per_request: FloatArray
    usd_of_restores: FloatArray
    """What SnapStart's restores add to one request of production on average."""

    def index_of(self, candidate: Candidate) -> int:
        """Position of *candidate*; KeyError if it is not in the space."""
        return self._positions[candidate]

    @cached_property
    def _positions(self) -> dict[Candidate, int]:
        return {candidate: index for index, candidate in enumerate(self.candidates)}

    def cost_per_million_usd(self, mean_ms: FloatArray) -> FloatArray:
        """Price a million invocations of a mean duration; the last axis runs over the candidates.

        Lambda bills every started millisecond, half a millisecond more than
        measured on average, and never less than one.
        """
        billed_ms = np.maximum(mean_ms + 0.5, 1.0)
        return 1e6 * (billed_ms * self.usd_per_ms + self.usd_per_request + self.usd_of_restores)


def space_of(problem: SearchProblem) -> Space:
    """Arrays for the candidates of *problem*, in its order."""
    return Space(
        candidates=problem.candidates,
        log_memory=np.log([float(candidate.memory_mb) for candidate in problem.candidates]),
        other_architecture=np.array(
            [float(candidate.architecture != problem.current.architecture) for candidate in problem.candidates]
        ),
        is_round=np.array(
            [
                candidate.memory_mb in ROUND_SIZES_MB or candidate.memory_mb == ONE_VCPU_MB
                for candidate in problem.candidates
            ]
        ),
        usd_per_ms=np.array([candidate_per_second_usd(problem, each) / 1000 for each in problem.candidates]),
        usd_per_request=np.array([problem.prices[each.architecture].usd_per_request for each in problem.candidates]),
        usd_of_restores=np.array(
            [(problem.cold_start_share or 0.0) * restore_cost_usd(problem, each) for each in problem.candidates]
        ),
    )


CACHED = 2**15
"""Numbers, 8 bytes each, that stay in the processor's cache."""
FEW_MEGABYTES = 2**20


def slices(count: int, numbers_each: int, numbers: int) -> Iterator[slice]:
    """Cut *count* rows of *numbers_each* numbers into slices that hold about *numbers* of them.

    >>> list(slices(5, 10, 20))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    step = max(1, numbers // max(1, numbers_each))
    return (slice(start, min(start + step, count)) for start in range(0, count, step))
