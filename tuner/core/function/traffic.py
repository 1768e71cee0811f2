"""What production does with the function: how often it is called, and how long it takes there.

Read from CloudWatch's metrics once, when a run is planned. Unknown traffic
stays unknown: no monthly figure is ever made up.
"""

from __future__ import annotations

from dataclasses import dataclass

DAYS = 28
"""Four whole weeks: every weekday counts equally often."""

HOURS_A_MONTH = 730
"""What AWS's own price examples take for a month. Source: AWS Pricing Calculator, seen 2026-11."""

_LIKE_PRODUCTION = 2.0
"""A median this many times longer or shorter than production's is another kind of event."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """The function's metrics over ``days``.

    ``p50_ms`` and ``p95_ms`` are of production's durations (without init), at
    whatever size it had in that time; ``None`` where CloudWatch gave none.
    ``cost_usd`` is what asking cost; ``None`` where the Region's price of it
    is not known.
    """

    invocations: float
    p50_ms: float | None = None
    p95_ms: float | None = None
    days: int = DAYS
    cost_usd: float | None = None

    @property
    def monthly_invocations(self) -> float:
        """Invocations in a month of 730 hours.

        Example:
            >>> Traffic(invocations=28_000).monthly_invocations
            30416.666666666664
        """
        return self.invocations / (self.days * 24) * HOURS_A_MONTH


def unlike_production(traffic: Traffic, measured_p50_ms: float | None) -> str | None:
    """Say that the payload is evidently not what production sees; ``None`` where it may be.

    Example:
        >>> unlike_production(Traffic(100, p50_ms=100.0), 150.0) is None
        True
    """
    if not traffic.p50_ms or not measured_p50_ms:
        return None
    if traffic.p50_ms / _LIKE_PRODUCTION <= measured_p50_ms <= traffic.p50_ms * _LIKE_PRODUCTION:
        return None
    return (
        f"Half of production's invocations in the last {traffic.days} days took up to {traffic.p50_ms:,.4g} ms; half "
        f"of those measured at today's size took up to {measured_p50_ms:,.4g} ms. The payload does not look like "
        "production's. Tune with events from production before changing anything."
    )
