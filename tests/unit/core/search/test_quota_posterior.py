"""Short functions: their steps are found, other functions are not taken for one, and odd data end nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.core.search.simulated import problem_of
from tuner.core.model import Candidate, Invocation, LatencyGoal, Observation, RunContext
from tuner.core.search.cpu_quota import burst_ms
from tuner.core.search.decision import decide
from tuner.core.search.fit import Fit, fit_posterior
from tuner.core.search.posterior import Posterior
from tuner.core.search.quota_posterior import QuotaPosterior
from tuner.core.search.samples import Samples, read_samples
from tuner.core.search.space import FloatArray, space_of

SIZES_MB = tuple(sorted({*range(128, 2049, 64), 1769}))
SPACE = space_of(problem_of(SIZES_MB))
FIRST_LOOK_MB = (128, 256, 512, 1024, 1024, 2048)


def seen(durations_ms: Sequence[tuple[int, float]], cpu_ms: float | None = None) -> list[Observation]:
    """Warm invocations, each a batch of its own."""
    return [
        Observation(
            2 + number,
            number,
            Candidate(memory_mb, "x86_64"),
            (Invocation(f"i{number}", "ok", False, ms, environment=str(memory_mb), cpu_ms=cpu_ms),),
        )
        for number, (memory_mb, ms) in enumerate(durations_ms)
    ]


def samples_of(durations_ms: Sequence[tuple[int, float]], cpu_ms: float | None = None) -> Samples:
    """The same as samples."""
    return read_samples(SPACE, seen(durations_ms, cpu_ms))


def computing(cpu_ms: float, *, wait_ms: float = 0.0, seed: int = 0) -> Callable[[int], float]:
    """A function that waits and then computes for so long, with starts and CPU times that vary."""
    generator = np.random.default_rng(seed)

    def duration_ms(memory_mb: int) -> float:
        start_ms = generator.choice([0.0, 3.25, 7.0], p=[0.48, 0.41, 0.11])
        each_ms = cpu_ms * np.exp(0.012 * generator.standard_normal())
        return float(wait_ms + burst_ms(memory_mb, each_ms, start_ms))

    return duration_ms


def quota_posterior(samples: Samples) -> QuotaPosterior:
    """With the same random numbers each time."""
    return QuotaPosterior(SPACE, samples, np.random.default_rng(1))


@pytest.mark.parametrize("cpu_ms", [8.0, 17.3, 40.0])
def test_the_cheapest_size_follows_from_a_first_look_and_its_neighbours(cpu_ms: float) -> None:
    """Within 5 % of the cheapest, over the starts."""
    duration_ms = computing(cpu_ms)
    samples = samples_of([(memory_mb, duration_ms(memory_mb)) for memory_mb in (*FIRST_LOOK_MB, 704, 768, 896)])
    drawn = quota_posterior(samples).draw(512, np.random.default_rng(2))
    true_ms = np.array([np.mean([duration_ms(memory_mb) for _ in range(200)]) for memory_mb in SIZES_MB])
    true_usd = SPACE.cost_per_million_usd(true_ms)
    pick = int(np.argmin(SPACE.cost_per_million_usd(drawn.mean_ms).mean(axis=0)))
    assert true_usd[pick] <= true_usd.min() * 1.05


def test_steps_are_told_from_a_curve() -> None:
    """A computing function of 17 ms is far likelier under the quota; one whose durations follow a curve is not."""
    duration_ms = computing(17.3)
    generator = np.random.default_rng(3)
    sizes = (*FIRST_LOOK_MB, 704, 768, 832, 896)
    stepped = samples_of([(memory_mb, duration_ms(memory_mb)) for memory_mb in sizes])
    curve = samples_of(
        [(mb, 15 * (0.3 + 400 / mb) * float(np.exp(0.25 * generator.standard_normal()))) for mb in sizes]
    )
    assert quota_posterior(stepped).log_evidence > Posterior(SPACE, stepped).log_evidence + 5
    assert quota_posterior(curve).log_evidence < Posterior(SPACE, curve).log_evidence - 2


def test_cpu_times_tell_computing_from_waiting() -> None:
    """Two sizes leave both open; the CPU time decides."""
    duration_ms = computing(12.0, wait_ms=30.0)
    durations = [(memory_mb, duration_ms(memory_mb)) for memory_mb in (1024, 2048)]
    centre = SIZES_MB.index(128)

    def spread_of(cpu_ms: float | None) -> float:
        drawn = quota_posterior(samples_of(durations, cpu_ms)).draw(256, np.random.default_rng(2))
        return float(drawn.log_centre[:, centre].std())

    assert spread_of(12.0) < 0.7 * spread_of(None)


def test_quantiles_are_those_of_the_parts() -> None:
    """Half of the invocations lie below the median of each world and size, and 19 of 20 below the 95th percentile."""
    duration_ms = computing(17.3)
    samples = samples_of([(memory_mb, duration_ms(memory_mb)) for memory_mb in FIRST_LOOK_MB])
    drawn = quota_posterior(samples).draw(96, np.random.default_rng(2))
    for wanted in (0.5, 0.95):
        at = drawn.log_quantile(np.full(96, wanted))
        below, up_to = (
            np.where(drawn.atoms_log_ms < at[:, :, None] + side, drawn.atom_share[:, None], 0.0).sum(axis=2)
            for side in (-1e-9, 1e-9)
        )
        # A quantile lies between the middles of two atoms.
        largest = drawn.atom_share.max(axis=1)[:, None]
        assert np.all(below <= wanted + largest)
        assert np.all(up_to >= wanted - largest)


def test_draws_are_the_same_for_the_same_random_numbers() -> None:
    """Nothing else is random."""
    samples = samples_of([(mb, computing(17.3)(mb)) for mb in FIRST_LOOK_MB])
    first, again = (quota_posterior(samples).draw(64, np.random.default_rng(2)) for _ in range(2))
    np.testing.assert_array_equal(first.mean_ms, again.mean_ms)


def test_a_size_that_misses_the_goal_is_not_near_the_cheapest_that_meets_it() -> None:
    """So no cost is within 5 % more probably than the goal is met, or met by no size."""
    duration_ms = computing(17.3)
    problem = problem_of(SIZES_MB, goal=LatencyGoal(95, 26.0))
    fit = fit_posterior(problem, seen([(mb, duration_ms(mb)) for mb in FIRST_LOOK_MB]), RunContext())
    answer = decide(problem, fit).probability
    assert answer.within_5_percent is not None
    assert answer.goal_met is not None
    assert answer.no_size_meets is not None
    assert answer.within_10_percent == pytest.approx(
        float((fit.prediction.cost_per_million_usd[:, fit.pick] <= _cheapest_usd(fit) * 1.1) @ _meets(fit))
        / len(fit.loss)
    )
    assert answer.within_5_percent <= answer.within_10_percent <= answer.goal_met + answer.no_size_meets


def _meets(fit: Fit) -> FloatArray:
    """Draws: 1.0 where the pick meets the goal, or no size does."""
    assert fit.met is not None
    assert fit.unreachable is not None
    return np.maximum(fit.met[:, fit.pick], fit.unreachable)


def _cheapest_usd(fit: Fit) -> FloatArray:
    """Draws: the cost of the cheapest that meets the goal; infinite if none does, since then any is as good."""
    assert fit.met is not None
    return np.asarray(np.where(fit.met > 0, fit.prediction.cost_per_million_usd, np.inf).min(axis=1))


@pytest.mark.parametrize(
    "durations_ms",
    [
        [(mb, 0.8) for mb in FIRST_LOOK_MB],
        [(mb, 50.0) for mb in FIRST_LOOK_MB],
        [(mb, 340.0 if n % 2 else 17.0) for n, mb in enumerate(FIRST_LOOK_MB * 2)],
        [(128, 0.01)],
        [(2048, 300.0)],
        [(mb, 1e5) for mb in FIRST_LOOK_MB[:2]] + [(2048, 20.0)],
    ],
    ids=["at the log's resolution", "sleeps only", "two modes", "nothing", "one size", "a cliff"],
)
def test_odd_functions_are_answered(durations_ms: list[tuple[int, float]]) -> None:
    """With finite numbers, and no claim that one sample could not carry."""
    problem = problem_of(SIZES_MB, goal=LatencyGoal(95, 60.0))
    fit = fit_posterior(problem, seen(durations_ms), RunContext())
    assert np.isfinite(fit.prediction.cost_per_million_usd).all()
    assert fit.prediction.percentile_ms is not None
    assert np.isfinite(fit.prediction.percentile_ms).all()
    assert 0 <= decide(problem, fit).confidence <= 1


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(SIZES_MB), st.floats(0.01, 900_000.0)), min_size=1, max_size=12))
def test_any_durations_are_answered(durations_ms: list[tuple[int, float]]) -> None:
    """Whatever was measured, there is a pick with finite cost."""
    problem = problem_of(SIZES_MB)
    fit = fit_posterior(problem, seen(durations_ms), RunContext())
    assert np.isfinite(fit.expected_loss[fit.pick])
    assert np.isfinite(fit.prediction.cost_per_million_usd).all()
