"""Statistics of measured durations: percentiles, and how far each can be trusted.

Nothing here assumes the shape of the durations. Samples are taken as independent; within one execution environment they
are not quite, so that intervals over few environments are too narrow (the
search's model carries that; see ``docs/decisions``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

from tuner.core.errors import NothingMeasured


def percentile(samples_ms: Sequence[float], percent: float) -> float:
    """Compute a percentile by linear interpolation between the two samples next to it.

    This is definition 7 of Hyndman and Fan (1996), the default of numpy and
    of spreadsheets: rank ``(n - 1) · percent / 100``, counted from 0. It never
    passes the largest sample.

    Raises:
        NothingMeasured: There is no sample.
        ValueError: A sample is NaN, infinite or negative, or *percent* out of bounds.

    Example:
        >>> percentile([10, 20, 30, 40], 50)
        25.0
    """
    if not 0 <= percent <= 100:
        raise ValueError(f"percent is {percent}: it must lie between 0 and 100")
    ordered = _ordered(samples_ms)
    rank = (len(ordered) - 1) * percent / 100
    below = math.floor(rank)
    above = min(below + 1, len(ordered) - 1)
    between = rank - below
    # Of two equal samples their own value, not one that rounding moved.
    if ordered[below] == ordered[above]:
        return ordered[below]
    return ordered[below] * (1 - between) + ordered[above] * between


def percentile_interval(samples_ms: Sequence[float], percent: float, confidence: float) -> tuple[float, float] | None:
    """Bound a percentile of the true distribution by two of the samples.

    By order statistics: how many of n samples lie below the true percentile
    is a binomial count, whatever the distribution. The bounds leave half of
    the doubt to either side where the samples suffice for that; else the
    upper bound is the largest sample, and the lower one takes what is left.

    Args:
        samples_ms: Durations in any order.
        percent: Above 0, below 100.
        confidence: At least so probably the bounds hold the percentile; above 0, below 1.

    Returns:
        Lower and upper bound, or ``None`` if so few samples cannot carry
        the confidence: the 95th percentile at 0.9 takes 45.

    Raises:
        NothingMeasured: There is no sample.
        ValueError: A sample is NaN, infinite or negative, or an argument out of bounds.

    Example:
        >>> percentile_interval(range(1, 46), 95, 0.9)
        (37, 45)
        >>> percentile_interval(range(1, 45), 95, 0.9) is None
        True
    """
    ratio, doubt = _ratio(percent), _doubt(confidence)
    ordered = _ordered(samples_ms)
    lower, upper = _ranks(len(ordered), ratio, doubt)
    if lower is None or upper is None:
        return None
    return ordered[lower - 1], ordered[upper - 1]


@lru_cache(maxsize=256)
def samples_needed(percent: float, confidence: float) -> int:
    """Count the samples from which on their largest one bounds a percentile from above.

    The smallest n with ``1 - (percent / 100) ** n >= confidence``.

    Raises:
        ValueError: An argument is out of bounds.

    Example:
        >>> [samples_needed(percent, confidence) for percent in (95, 99) for confidence in (0.9, 0.95)]
        [45, 59, 230, 299]
    """
    ratio, doubt = _ratio(percent), _doubt(confidence)
    count = max(1, math.ceil(math.log(doubt) / math.log(ratio)) - 1)
    while ratio**count > doubt:
        count += 1
    return count


@lru_cache(maxsize=1024)
def t_quantile(probability: float, degrees: int) -> float:
    """Invert Student's t distribution, by bisection to 12 digits.

    The probability is from 0.5 up, below 1; there is 1 degree of freedom or more.

    Raises:
        ValueError: An argument is out of bounds.

    Example:
        >>> round(t_quantile(0.95, 2), 4), round(t_quantile(0.975, 30), 4)
        (2.92, 2.0423)
    """
    if not 0.5 <= probability < 1 or degrees < 1:
        raise ValueError(f"no quantile of t for probability {probability} and {degrees} degrees of freedom")
    low, high = 0.0, 1.0
    while _t_upper_tail(high, degrees) > 1 - probability:
        low, high = high, high * 2
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if _t_upper_tail(middle, degrees) > 1 - probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _t_upper_tail(t: float, degrees: int) -> float:
    return 0.5 * _incomplete_beta(degrees / (degrees + t * t), degrees / 2, 0.5)


def _incomplete_beta(x: float, a: float, b: float) -> float:
    """Compute the regularized incomplete beta function by its continued fraction.

    Source: Lentz's method as in Press et al., Numerical Recipes, section 6.4.
    """
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):
        return 1 - _incomplete_beta(1 - x, b, a)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    tiny = 1e-300
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1) or tiny)
    fraction = d
    for step in range(1, 500):
        for numerator in (
            step * (b - step) * x / ((a + 2 * step - 1) * (a + 2 * step)),
            -(a + step) * (a + b + step) * x / ((a + 2 * step) * (a + 2 * step + 1)),
        ):
            d = 1 / (1 + numerator * d or tiny)
            c = 1 + numerator / c or tiny
            fraction *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return front * fraction / a


@lru_cache(maxsize=512)
def _ranks(count: int, ratio: float, doubt: float) -> tuple[int | None, int | None]:
    """Find which order statistics, counted from 1, bound a quantile; ``None`` if none can."""
    below = _binomial_cdf(count, ratio)  # below[k]: at most k samples lie below the quantile

    def lowest_upper(allowed: float) -> int | None:
        return next((rank for rank in range(1, count + 1) if 1 - below[rank - 1] <= allowed), None)

    def highest_lower(allowed: float) -> int | None:
        return next((rank for rank in range(count, 0, -1) if below[rank - 1] <= allowed), None)

    upper = lowest_upper(doubt / 2) or lowest_upper(doubt)
    if upper is None:
        return None, None
    lower = highest_lower(doubt - (1 - below[upper - 1]))
    if lower is None:
        # A low percentile: the smallest sample takes its share first.
        lower = highest_lower(doubt)
        upper = None if lower is None else lowest_upper(doubt - below[lower - 1])
    return lower, upper


@lru_cache(maxsize=512)
def _binomial_cdf(count: int, ratio: float) -> tuple[float, ...]:
    log_ratio, log_rest = math.log(ratio), math.log1p(-ratio)
    cumulated, total = [], 0.0
    for successes in range(count + 1):
        total += math.exp(
            math.lgamma(count + 1)
            - math.lgamma(successes + 1)
            - math.lgamma(count - successes + 1)
            + successes * log_ratio
            + (count - successes) * log_rest
        )
        cumulated.append(min(total, 1.0))
    return tuple(cumulated)


def _ratio(percent: float) -> float:
    if not 0 < percent < 100:
        raise ValueError(f"percent is {percent}: it must lie above 0 and below 100")
    return percent / 100


def _doubt(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence}: it must lie above 0 and below 1")
    # 1 - 0.9 is a little less than 0.1: what rounding takes must not cost a sample.
    return 1 - confidence + 1e-12


def _ordered(samples_ms: Sequence[float]) -> list[float]:
    if not len(samples_ms):
        raise NothingMeasured(
            "There is no measured duration to compute with.", hint="A missing sample is not one of 0 ms."
        )
    for position, sample in enumerate(samples_ms, start=1):
        if math.isnan(sample):
            raise ValueError(f"sample {position} is NaN: a duration is a finite number of at least 0 ms")
        if sample < 0:
            raise ValueError(f"sample {position} is negative ({sample}): a duration is at least 0 ms")
        if sample == math.inf:
            raise ValueError(f"sample {position} is infinite: a duration is a finite number of at least 0 ms")
    return sorted(samples_ms)
