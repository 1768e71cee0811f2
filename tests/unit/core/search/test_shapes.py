"""CPU time beside duration tells how much of a curve scales."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.core.search.simulated import problem_of
from tuner.core.aws_limits import ONE_VCPU_MB
from tuner.core.model import Candidate, Invocation, Observation, RunContext
from tuner.core.search.fit import fit_posterior
from tuner.core.search.prediction import mean_of
from tuner.core.search.samples import read_samples
from tuner.core.search.shapes import SHAPE_COUNT, log_shapes, shape_log_weights, utilisation
from tuner.core.search.space import FloatArray, space_of

SIZES = (128, 256, 512, 1024, 1769, 2048, 3008)
PROBLEM = problem_of(SIZES)


def _seen(cpu_ms: float | None, *, memory_mb: int = 1024, duration_ms: float = 100.0) -> Observation:
    invocations = tuple(Invocation(f"r{n}", "ok", False, duration_ms, cpu_ms=cpu_ms) for n in range(3))
    return Observation(1, memory_mb, Candidate(memory_mb, "x86_64"), invocations)


def _weights(*observations: Observation) -> FloatArray:
    space = space_of(PROBLEM)
    weights = shape_log_weights(space, read_samples(space, observations), SHAPE_COUNT)
    assert weights is not None
    return weights


def _unknown(*observations: Observation) -> bool:
    space = space_of(PROBLEM)
    return shape_log_weights(space, read_samples(space, observations), SHAPE_COUNT) is None


def _fall(*observations: Observation) -> float:
    """How much slower 128 MB is expected to be than 1,024 MB."""
    fit = fit_posterior(PROBLEM, observations, RunContext())
    mean_ms = np.median(mean_of(fit.prediction.draws), axis=0)
    return float(mean_ms[0] / mean_ms[3])


def test_without_cpu_times_no_shape_is_preferred() -> None:
    """As if the module were not there: no sharper expectation of the misfit either."""
    assert _unknown(_seen(None))


def test_a_function_that_computes_is_told_from_one_that_waits_at_a_single_size() -> None:
    """The whole share spent, and it scales; a hundredth of it, and it does not."""
    share = 1024 / ONE_VCPU_MB
    assert _fall(_seen(100 * share)) > 5.5
    assert _fall(_seen(1.0)) < 1.6


def test_a_computing_thread_fills_its_share_up_to_one_vcpu() -> None:
    """Where a shape has no floor, exponent 1 and a knee at one vCPU, CPU time over duration is the share, at most 1."""
    log_memory = np.log(np.array([256.0, 1024.0, 1769.0, 3008.0]))
    shapes = log_shapes(log_memory)
    knee = np.exp(shapes[:, 0] - shapes[:, 3]) * 256
    alike = int(np.argmin(np.abs(np.log(knee / ONE_VCPU_MB)) + np.abs(shapes[:, 2] - shapes[:, 3])))
    assert utilisation(log_memory)[alike] == pytest.approx([0.145, 0.579, 1.0, 1.0], rel=0.15)


def test_an_invocation_that_was_not_held_back_says_nothing() -> None:
    """At 128 MB a handler of some milliseconds ends within one period of the quota: its ratio is not its share's."""
    assert _unknown(_seen(95.0, memory_mb=128))


def test_ratios_that_no_shape_explains_cost_little() -> None:
    """More CPU at the small size than at the large one fits no curve: no shape is ruled out by it for good."""
    weights = _weights(_seen(7.2, memory_mb=128), _seen(1.0, memory_mb=3008))
    assert weights.max() - weights.min() < 25


def test_the_order_of_equal_sizes_does_not_matter() -> None:
    """The same observations in another order weigh the same."""
    first, second = _seen(50.0), _seen(20.0, memory_mb=256, duration_ms=300.0)
    assert np.array_equal(_weights(first, second), _weights(second, first))


def test_cold_starts_say_nothing_of_the_shape() -> None:
    """Their CPU time is mostly that of loading code."""
    cold = Invocation("r", "ok", True, 100.0, cpu_ms=50.0)
    assert _unknown(Observation(1, 0, Candidate(1024, "x86_64"), (cold,)))
