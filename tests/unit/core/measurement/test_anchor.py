"""Durations of this machine, scaled to one that is known from AWS."""

from __future__ import annotations

import pytest

from tuner.core.measurement.anchor import anchored
from tuner.core.model import Candidate, Invocation, Observation
from tuner.core.request.tuning_request import ObservedDuration


def test_cpu_time_keeps_its_ratio_to_the_duration() -> None:
    """Both are scaled: how much of the duration is computing does not depend on the machine's speed."""
    invocations = (
        Invocation("warm", "ok", False, 200.0, 200, cpu_ms=50.0, thread_count=2),
        Invocation("unasked", "ok", False, 200.0, 200),
        Invocation("failed", "timeout", False, 3000.0, 3000, cpu_ms=50.0),
    )

    (scaled,) = anchored([Observation(1, 0, Candidate(512, "x86_64"), invocations)], ObservedDuration(512, 300.0))

    warm, unasked, failed = scaled.invocations
    assert (warm.duration_ms, warm.cpu_ms, warm.thread_count) == (pytest.approx(300), pytest.approx(75), 2)
    assert unasked.cpu_ms is None
    assert failed == invocations[2]
