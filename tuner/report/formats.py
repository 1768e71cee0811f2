"""Numbers as people read them: three digits that mean something, a unit, and the interval beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

from tuner.core.answer.recommendation import Interval

CURRENCY_SIGNS = {"USD": "$", "CNY": "¥"}
MISSING = "–"
"""What stands if a number is unknown: absent is not zero."""


def significant(number: float, digits: int = 3) -> str:
    """A number with thousands separators and about *digits* significant digits, never in exponent form.

    Example:
        >>> [significant(x) for x in (1234.5, 201.4, 41.26, 4.1, 0.000423, 0)]
        ['1,234', '201', '41.3', '4.10', '0.000423', '0']
    """
    if number == 0 or not math.isfinite(number):
        return "0" if number == 0 else str(number)
    places = max(0, digits - 1 - math.floor(math.log10(abs(number))))
    return f"{number:,.{places}f}"


def megabytes(memory_mb: float) -> str:
    """A memory size.

    Example:
        >>> megabytes(3008)
        '3,008 MB'
    """
    return f"{memory_mb:,.0f} MB"


def milliseconds(duration_ms: float) -> str:
    """A duration: without decimals from 50 ms on, in seconds from ten seconds on.

    Example:
        >>> milliseconds(201.4), milliseconds(99.4), milliseconds(41.26), milliseconds(12345)
        ('201 ms', '99 ms', '41.3 ms', '12.3 s')
    """
    return f"{significant(duration_ms / 1000)} s" if duration_ms >= 10_000 else f"{_milliseconds(duration_ms)} ms"


def about_milliseconds(duration_ms: float) -> str:
    """A duration of which only the whole milliseconds are known, below ten a tenth of one.

    Example:
        >>> about_milliseconds(17.26), about_milliseconds(4.12)
        ('17 ms', '4.1 ms')
    """
    return f"{duration_ms:.{0 if duration_ms >= 9.95 else 1}f} ms"


def milliseconds_range(interval: Interval) -> str:
    """The bounds of an interval of a duration, in the unit of its estimate.

    Example:
        >>> milliseconds_range(Interval(201.4, 196.0, 207.1))
        '196–207'
    """
    if interval.estimate >= 10_000:
        return f"{significant(interval.low / 1000)}–{significant(interval.high / 1000)}"
    return f"{_milliseconds(interval.low)}–{_milliseconds(interval.high)}"


def _milliseconds(duration_ms: float) -> str:
    return f"{duration_ms:,.0f}" if duration_ms >= 50 else significant(duration_ms)


def limit(limit_ms: float) -> str:
    """A limit of a goal, as exactly as it was given.

    Example:
        >>> limit(300), limit(62.5), limit(12500)
        ('300 ms', '62.5 ms', '12.5 s')
    """
    return f"{limit_ms / 1000:,.6g} s" if limit_ms >= 10_000 else f"{limit_ms:,.6g} ms"


def money(amount_usd: float, currency: str = "USD") -> str:
    """An amount: cents if there are any, else two significant digits.

    Example:
        >>> [money(x) for x in (1234.5, 2.916, 0.31, 0.00042, 0)]
        ['$1,234', '$2.92', '$0.31', '$0.00042', '$0']
    """
    sign = CURRENCY_SIGNS.get(currency, f"{currency} ")
    minus = "-" if amount_usd < 0 else ""
    amount_usd = abs(amount_usd)
    if amount_usd == 0:
        return f"{sign}0"
    if amount_usd >= 1000:
        return f"{minus}{sign}{amount_usd:,.0f}"
    if amount_usd >= 0.1:
        return f"{minus}{sign}{amount_usd:,.2f}"
    return f"{minus}{sign}{significant(amount_usd, 2).rstrip('0')}"


def money_range(interval: Interval, currency: str = "USD") -> str:
    """The bounds of an interval of an amount.

    Example:
        >>> money_range(Interval(2.92, 2.84, 3.01))
        '$2.84–3.01'
    """
    sign = CURRENCY_SIGNS.get(currency, f"{currency} ")
    return f"{money(interval.low, currency)}–{money(interval.high, currency).removeprefix(sign)}"


def unit_price(amount_usd: float, currency: str = "USD") -> str:
    """A price of one unit, with all digits that price lists give.

    Example:
        >>> unit_price(0.0000166667), unit_price(0.2)
        ('$0.0000166667', '$0.2')
    """
    sign = CURRENCY_SIGNS.get(currency, f"{currency} ")
    return f"{sign}{significant(amount_usd, 6).rstrip('0').rstrip('.')}" if amount_usd else f"{sign}0"


def moment(iso_time: str) -> str:
    """A time to the second, in UTC; text that is no time stays as it is.

    Example:
        >>> moment("2026-11-24T04:07:10.783Z"), moment("2026-11-24T06:07:10+02:00")
        ('2026-11-24 04:07:10 UTC', '2026-11-24 04:07:10 UTC')
    """
    try:
        parsed = datetime.fromisoformat(iso_time)
    except ValueError:
        return iso_time
    if parsed.tzinfo is None:
        return parsed.strftime("%Y-%m-%d %H:%M:%S")
    return parsed.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def percent(ratio: float) -> str:
    """A ratio in percent.

    Example:
        >>> [percent(x) for x in (0.314, 0.003, 0)]
        ['31%', '0.3%', '0%']
    """
    return f"{ratio * 100:.1f}%" if 0 < abs(ratio) < 0.01 else f"{ratio * 100:.0f}%"


def probability(ratio: float) -> str:
    """A probability in percent; what is close to certain is never printed as certain.

    Example:
        >>> [probability(x) for x in (0.314, 0.998, 1, 0.003, 0)]
        ['31%', 'over 99%', 'over 99%', 'under 1%', 'under 1%']
    """
    if ratio < 0.01:
        return "under 1%"
    return "over 99%" if ratio > 0.99 else f"{ratio * 100:.0f}%"


def change(ratio: float) -> str:
    """A saving ratio in words.

    Example:
        >>> [change(x) for x in (0.31, -0.12, 0.002)]
        ['31% less', '12% more', 'about the same']
    """
    if abs(ratio) < 0.005:
        return "about the same"
    return f"{abs(ratio) * 100:.0f}% {'less' if ratio > 0 else 'more'}"


def change_bounds(low: float, high: float) -> str:
    """What stands behind a saving ratio for its bounds; if they are on both sides of 0, that nothing is clear.

    Example:
        >>> [change_bounds(*x) for x in ((0.28, 0.34), (-0.15, -0.09), (-0.02, 0.04))]
        [' (28–34%)', ' (9–15%)', ', no clear difference']
    """
    if low <= 0 <= high:
        return ", no clear difference"
    near, far = sorted((abs(low), abs(high)))
    return f" ({near * 100:.0f}–{far * 100:.0f}%)"


def duration_change(ratio: float) -> str:
    """A new duration over the old one, in words.

    Example:
        >>> [duration_change(x) for x in (3.87, 1.4, 1.001, 0.6)]
        ['3.9 times as long', '40% longer', 'about as long', '40% shorter']
    """
    if abs(ratio - 1) < 0.005:
        return "about as long"
    if ratio >= 2:
        return f"{significant(ratio, 2)} times as long"
    return f"{abs(ratio - 1) * 100:.0f}% {'longer' if ratio > 1 else 'shorter'}"


def count(number: float, singular: str, plural: str | None = None) -> str:
    """A count with its noun.

    Example:
        >>> count(1, "invocation"), count(21, "invocation")
        ('1 invocation', '21 invocations')
    """
    return f"{number:,.0f} {singular if number == 1 else plural or singular + 's'}"


def size_ranges(memory_sizes_mb: Sequence[int]) -> str:
    """Many memory sizes in few words.

    Example:
        >>> size_ranges([3584, 3648, 3712, 3776]), size_ranges([128, 256])
        ('3,584 to 3,776 MB (4 sizes)', '128 MB and 256 MB')
    """
    if len(memory_sizes_mb) > 3:
        low, high = min(memory_sizes_mb), max(memory_sizes_mb)
        return f"{low:,} to {high:,} MB ({len(memory_sizes_mb)} sizes)"
    names = [megabytes(size) for size in memory_sizes_mb]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
