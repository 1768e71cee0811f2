"""Drift: found where it is, not found where hosts and noise alone differ, and shown in every interval."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import pytest

from tuner.core.answer.recommendation import ConfigurationEstimate, Interval, Probability, Recommendation
from tuner.core.measurement.drift import drift_sentence, estimate_drift, with_drift
from tuner.core.model import Candidate, Invocation, Observation

SMALL, LARGE = Candidate(512, "arm64"), Candidate(1024, "arm64")


def batch(
    number: int,
    durations_ms: Sequence[float],
    candidate: Candidate = SMALL,
    *,
    environment: str | None = "a",
    payload: int = 0,
) -> Observation:
    """A batch of warm invocations."""
    return Observation(
        number,
        number,
        candidate,
        tuple(
            Invocation("r", "ok", cold=False, duration_ms=ms, environment=environment, payload_index=payload)
            for ms in durations_ms
        ),
    )


def test_a_function_that_becomes_slower_is_noticed() -> None:
    """By a fifth, at a spread of three per cent, from three and three invocations."""
    drift = estimate_drift([batch(1, [100, 103, 98]), batch(2, [61, 60], LARGE), batch(7, [121, 118, 123])])
    assert drift is not None
    assert drift.found
    assert drift.sizes == 1
    assert drift.low < drift.ratio < drift.high
    assert drift.ratio == pytest.approx(1.2, abs=0.03)
    assert drift_sentence(drift).startswith("Durations rose by 20%")


def test_one_round_a_size_tells_nothing() -> None:
    """Nor do cold starts and failures."""
    cold = Observation(3, 3, SMALL, (Invocation("r", "ok", cold=True, duration_ms=400, init_ms=9),))
    failed = Observation(4, 4, SMALL, (Invocation("r", "timeout", cold=False, duration_ms=3000),))
    assert estimate_drift([batch(1, [100, 103]), batch(2, [60], LARGE), cold, failed]) is None
    assert estimate_drift([]) is None


def test_another_host_is_no_drift() -> None:
    """A tenth between two environments is what hosts differ by; within one it would be a drift."""
    early, late = [100.0, 101, 99, 100, 101], [110.0, 111, 109, 110, 111]
    apart = estimate_drift([batch(1, early, environment="a"), batch(5, late, environment="b")])
    unknown = estimate_drift([batch(1, early, environment=None), batch(5, late, environment=None)])
    together = estimate_drift([batch(1, early), batch(5, late)])
    assert apart is not None
    assert unknown is not None
    assert together is not None
    assert (apart.found, unknown.found, together.found) == (False, False, True)


def test_events_are_compared_with_themselves() -> None:
    """A heavier event late in the run is no drift."""
    mixed = [batch(1, [100, 101, 99]), batch(1, [1000, 1010], payload=1), batch(6, [1005, 995, 1001], payload=1)]
    drift = estimate_drift(mixed)
    assert drift is not None
    assert not drift.found


@pytest.mark.parametrize("spread", [0.02, 0.1, 0.3])
def test_without_a_drift_one_is_seldom_found(spread: float) -> None:
    """In at most a tenth of runs, whatever the noise; the interval holds the truth in nine of ten."""
    chance = random.Random(5)
    found = held = 0
    for _ in range(400):
        durations = [[100 * math.exp(chance.gauss(0, spread)) for _ in range(4)] for _ in range(4)]
        drift = estimate_drift([batch(number, each) for number, each in enumerate(durations, start=1)])
        assert drift is not None
        found += drift.found
        held += drift.low <= 1 <= drift.high
    assert found <= 48
    assert held >= 352


def answer() -> Recommendation:
    """An answer with one configuration."""
    row = ConfigurationEstimate(
        candidate=SMALL,
        duration_ms={"p95": Interval(100, 90, 110)},
        cost_per_million_usd=Interval(1.0, 0.9, 1.1),
        samples=9,
        environments=3,
        basis="samples",
        max_memory_used_mb=60,
    )
    return Recommendation("GOAL_MET", row, row, None, (row,), Probability(), 0.9, 0.0, "enough")


def test_a_drift_widens_every_interval_to_its_side() -> None:
    """Estimates and verdict stay; the note tells why the bounds are wide."""
    drift = estimate_drift([batch(1, [100, 103, 98]), batch(7, [121, 118, 123])])
    assert drift is not None
    wide = with_drift(answer(), drift)
    for row in (wide.recommended, wide.current, *wide.configurations):
        assert row is not None
        assert row.duration_ms["p95"] == Interval(100, 90, 110 * drift.ratio)
        assert row.cost_per_million_usd == Interval(1.0, 0.9, 1.1 * drift.ratio)
    assert wide.notes == (drift_sentence(drift),)
    faster = estimate_drift([batch(1, [121, 118, 123]), batch(7, [100, 103, 98])])
    assert faster is not None
    assert with_drift(answer(), faster).recommended.duration_ms["p95"].high == 110
    assert with_drift(answer(), faster).recommended.duration_ms["p95"].low < 90


def test_no_drift_changes_nothing_but_is_told() -> None:
    """The report says that it was looked for."""
    drift = estimate_drift([batch(1, [100, 103, 98]), batch(7, [101, 99, 102])])
    assert drift is not None
    told = with_drift(answer(), drift)
    assert (told.drift, told.notes, told.recommended) == (drift, (), answer().recommended)
    assert with_drift(answer(), None) == answer()
