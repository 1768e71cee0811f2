"""Drift: whether the same size takes another time at the end of a run than at its beginning.

A machine, a cache or the time of day can change what is measured while a run
goes on; sizes that were measured early and late are then not comparable. A
size that was measured in two rounds tells.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tuner.core.answer.recommendation import ConfigurationEstimate, Drift, Interval, Recommendation
from tuner.core.measurement.latency import t_quantile
from tuner.core.model import Candidate, Observation

DRIFT_INVOCATIONS = 3
"""So many invocations at the end, at the size that was measured first, where no size tells otherwise."""
LEAST_RATIO = 0.03
"""A drift of less is no drift, however sure: hosts differ by more."""
_HOST_SPREAD = 0.08
"""Relative spread between execution environments; docs/search.md says where it is from."""
_LEAST_SPREAD, _SPREAD_UNSEEN = 0.01, 0.15
"""Relative spread of invocations: no less is believed, and so much is assumed where too few tell it."""
_LEAST_DEGREES = 3
_PROBABILITY = 0.95


@dataclass(frozen=True, slots=True)
class _Sample:
    round: int
    log_ms: float
    environment: str | None


def estimate_drift(observations: Sequence[Observation]) -> Drift | None:
    """Compare the first with the last round in which each size was measured.

    Only warm, successful invocations count, and only those of the same event
    are compared. What differs between two execution environments is not taken
    for a drift.

    Returns:
        The drift with the interval that holds it with 90 % probability, or
        ``None`` if no size was measured in two rounds.
    """
    groups: dict[tuple[Candidate, int], list[_Sample]] = defaultdict(list)
    for observation in observations:
        for invocation in observation.invocations:
            if invocation.outcome == "ok" and not invocation.cold and invocation.duration_ms:
                groups[observation.candidate, invocation.payload_index].append(
                    _Sample(observation.round, math.log(invocation.duration_ms), invocation.environment)
                )
    squares, degrees = 0.0, 0
    pairs: list[tuple[list[_Sample], list[_Sample]]] = []
    sizes: set[Candidate] = set()
    for (candidate, _), samples in groups.items():
        rounds = sorted({sample.round for sample in samples})
        by_round = [[sample for sample in samples if sample.round == number] for number in rounds]
        for members in by_round:
            centre = _mean(members)
            squares += sum((sample.log_ms - centre) ** 2 for sample in members)
            degrees += len(members) - 1
        if len(rounds) > 1:
            pairs.append((by_round[0], by_round[-1]))
            sizes.add(candidate)
    if not pairs:
        return None
    if degrees < _LEAST_DEGREES:
        squares, degrees = max(squares, _SPREAD_UNSEEN**2 * _LEAST_DEGREES), _LEAST_DEGREES
    variance = max(squares / degrees, _LEAST_SPREAD**2)
    weight = weighted = 0.0
    for early, late in pairs:
        doubt = variance * (1 / len(early) + 1 / len(late)) + _host_variance(early, late)
        weight += 1 / doubt
        weighted += (_mean(late) - _mean(early)) / doubt
    middle = weighted / weight
    reach = t_quantile(_PROBABILITY, degrees) / math.sqrt(weight)
    return Drift(
        ratio=math.exp(middle),
        low=math.exp(middle - reach),
        high=math.exp(middle + reach),
        sizes=len(sizes),
        found=abs(middle) > reach and abs(math.exp(middle) - 1) > LEAST_RATIO,
    )


def drift_sentence(drift: Drift) -> str:
    """Say what was found, for people."""
    change = abs(drift.ratio - 1)
    low, high = sorted((abs(drift.low - 1), abs(drift.high - 1)))
    return (
        f"Durations {'rose' if drift.ratio > 1 else 'fell'} by {change:.0%} ({low:.0%} to {high:.0%}) while the run "
        "went on, at sizes that were measured early and late: every interval is that much wider. "
        "A run at a quieter time would be more certain."
    )


def with_drift(recommendation: Recommendation, drift: Drift | None) -> Recommendation:
    """Put the drift into the answer; where there is one, every interval is widened by it and a note says so."""
    if drift is None or not drift.found:
        return replace(recommendation, drift=drift)

    def wider(interval: Interval) -> Interval:
        return replace(interval, low=interval.low * min(1.0, drift.ratio), high=interval.high * max(1.0, drift.ratio))

    def changed(row: ConfigurationEstimate) -> ConfigurationEstimate:
        return replace(
            row,
            duration_ms={key: wider(interval) for key, interval in row.duration_ms.items()},
            cost_per_million_usd=None if row.cost_per_million_usd is None else wider(row.cost_per_million_usd),
        )

    return replace(
        recommendation,
        recommended=changed(recommendation.recommended),
        current=None if recommendation.current is None else changed(recommendation.current),
        safer=None if recommendation.safer is None else changed(recommendation.safer),
        configurations=tuple(changed(row) for row in recommendation.configurations),
        notes=(*recommendation.notes, drift_sentence(drift)),
        drift=drift,
    )


def _mean(samples: Sequence[_Sample]) -> float:
    return math.fsum(sample.log_ms for sample in samples) / len(samples)


def _host_variance(early: Sequence[_Sample], late: Sequence[_Sample]) -> float:
    """How far apart hosts alone may put the two: nothing if both ran in one environment."""
    before, after = ({sample.environment for sample in samples} for samples in (early, late))
    if before == after and None not in before:
        return 0.0
    return _HOST_SPREAD**2 * (1 / len(before) + 1 / len(after))
