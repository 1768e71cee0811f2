"""Percentiles and their intervals."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.core.errors import NothingMeasured
from tuner.core.measurement.latency import (
    percentile,
    percentile_interval,
    samples_needed,
    t_quantile,
)

durations = st.lists(st.floats(min_value=0, max_value=900_000), min_size=1, max_size=80)


@pytest.mark.parametrize(
    ("percent", "confidence", "expected"),
    [
        (95, 0.9, 45),
        (95, 0.95, 59),
        (99, 0.9, 230),
        (99, 0.95, 299),
        (50, 0.5, 1),
        (50, 0.75, 2),
        (90, 0.9, 22),
        (99.9, 0.9, 2302),
    ],
)
def test_samples_needed(percent: float, confidence: float, expected: int) -> None:
    """The count is the smallest n with 1 - q^n at least the confidence."""
    assert samples_needed(percent, confidence) == expected


@pytest.mark.parametrize("confidence", [0.9, 0.95])
@pytest.mark.parametrize("percent", [90, 95, 99])
def test_an_interval_begins_where_the_samples_suffice(percent: float, confidence: float) -> None:
    """One sample fewer than needed carries no interval, the needed ones do."""
    needed = samples_needed(percent, confidence)
    assert percentile_interval(range(needed - 1), percent, confidence) is None
    interval = percentile_interval(range(needed), percent, confidence)
    assert interval is not None
    assert interval[1] == needed - 1


@pytest.mark.parametrize(("percent", "count"), [(50, 20), (50, 5), (95, 60), (95, 100), (10, 30)])
def test_percentile_intervals_cover_what_they_promise(percent: float, count: int) -> None:
    """Over many draws of a skewed distribution the true percentile lies within at least as often as asked."""
    chance = random.Random(f"{percent} {count}")
    truth = -math.log(1 - percent / 100)
    hits = 0
    for _ in range(2_000):
        interval = percentile_interval([chance.expovariate(1) for _ in range(count)], percent, 0.9)
        assert interval is not None
        hits += interval[0] <= truth <= interval[1]
    assert hits / 2_000 >= 0.9 - 0.02


@given(durations, st.floats(min_value=0, max_value=100))
def test_a_percentile_lies_between_the_samples(samples: list[float], percent: float) -> None:
    """Interpolation never leaves the range of the samples."""
    assert min(samples) <= percentile(samples, percent) <= max(samples)


@given(durations, st.floats(min_value=1, max_value=99), st.floats(min_value=0.5, max_value=0.99))
def test_interval_bounds_are_samples_in_order(samples: list[float], percent: float, confidence: float) -> None:
    """Bounds are samples, the lower one not above the upper one."""
    interval = percentile_interval(samples, percent, confidence)
    if interval is not None:
        assert interval[0] <= interval[1]
        assert set(interval) <= set(samples)


@given(durations, st.randoms(use_true_random=False))
def test_the_order_of_samples_does_not_matter(samples: list[float], chance: random.Random) -> None:
    """Every statistic is the same for any order of its samples."""
    mixed = list(samples)
    chance.shuffle(mixed)
    for percent in (50, 95, 99):
        assert percentile(samples, percent) == percentile(mixed, percent)


def test_percentile_is_definition_seven() -> None:
    """Values of numpy.percentile([15, 20, 35, 40, 50], …)."""
    samples = [15, 20, 35, 40, 50]
    assert [percentile(samples, percent) for percent in (0, 5, 30, 40, 50, 100)] == [15, 16, 23, 29, 35, 50]


@pytest.mark.parametrize(
    ("probability", "degrees", "expected"),
    [
        (0.95, 1, 6.313752),
        (0.975, 2, 4.302653),
        (0.95, 5, 2.015048),
        (0.975, 10, 2.228139),
        (0.995, 30, 2.749996),
        (0.975, 1_000, 1.962339),
        (0.9995, 1, 636.619249),
        (0.5, 4, 0.0),
    ],
)
def test_t_quantiles(probability: float, degrees: int, expected: float) -> None:
    """Values of published t tables."""
    assert t_quantile(probability, degrees) == pytest.approx(expected, abs=1e-6)


def test_equal_samples_have_no_width() -> None:
    """Equal samples give their own value, not one that rounding moved."""
    samples = [0.1] * 60
    assert percentile_interval(samples, 95, 0.9) == (0.1, 0.1)
    assert percentile(samples, 95) == 0.1


def test_one_sample() -> None:
    """One sample is its own percentile, and carries no interval."""
    assert percentile([5], 99) == 5
    assert percentile_interval([5], 95, 0.9) is None


@pytest.mark.parametrize(
    "statistic",
    [
        lambda samples: percentile(samples, 95),
        lambda samples: percentile_interval(samples, 95, 0.9),
    ],
)
def test_what_is_no_duration_is_refused_by_name(statistic) -> None:
    """No sample, NaN, infinity and negative numbers raise, each with its own words."""
    with pytest.raises(NothingMeasured, match="no measured duration"):
        statistic([])
    with pytest.raises(ValueError, match="sample 2 is NaN"):
        statistic([1, math.nan])
    with pytest.raises(ValueError, match="sample 1 is negative"):
        statistic([-1.0, 2])
    with pytest.raises(ValueError, match="sample 1 is infinite"):
        statistic([math.inf])


@pytest.mark.parametrize(
    "call",
    [
        lambda: percentile([1], 101),
        lambda: percentile_interval([1], 0, 0.9),
        lambda: percentile_interval([1], 95, 1),
        lambda: samples_needed(95, 0),
        lambda: t_quantile(0.2, 3),
        lambda: t_quantile(0.9, 0),
        lambda: percentile([1], math.nan),
        lambda: percentile_interval([1], math.nan, 0.9),
    ],
)
def test_arguments_out_of_bounds_are_refused(call) -> None:
    """Percentiles and confidences that do not exist raise."""
    with pytest.raises(ValueError, match=r"must lie|no quantile"):
        call()
