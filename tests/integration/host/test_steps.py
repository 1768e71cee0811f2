"""Short functions run in steps of the CPU quota's period, where Lambda's do.

Durations are compared with the CPU time of the same invocation, and waits for a
core are in neither, so that other work on the machine does not matter.
"""

from __future__ import annotations

import os
import statistics
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.host.conftest import Workbench, workbench
from tuner.core.aws_limits import SEEN_STARTS_MS
from tuner.core.search.cpu_quota import burst_ms
from tuner.embedded.host.running import seen_start_ms

BURN = """
import time
def handler(event, context):
    began = time.thread_time()
    while time.thread_time() - began < event["cpu_ms"] / 1e3:
        pass
"""
ROUNDS = 7

pytestmark = pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="needs two cores")


@pytest.fixture
def with_a_period(tmp_path: Path) -> Iterator[Workbench]:
    """Each invocation starts with a period."""
    with workbench(tmp_path, start_ms=lambda: 0.0) as bench:
        yield bench


def invocations(bench: Workbench, memory_mb: int, cpu_ms: float) -> list[tuple[float, float]]:
    """Duration and CPU time of some warm ones, in milliseconds."""
    spec = bench.function(BURN, memory_mb=memory_mb)
    bench.invoke(spec, {"cpu_ms": 0})
    results = [bench.invoke(spec, {"cpu_ms": cpu_ms}) for _ in range(ROUNDS)]
    return [(each.duration_ms, each.cpu_ms or 0.0) for each in results]


def test_more_memory_buys_nothing_between_steps_and_a_period_at_one(with_a_period: Workbench) -> None:
    """A function of 17 ms is held for 24 ms at 560 MB, as long at 680, and for 8 ms at 752."""
    held_ms = {
        memory_mb: statistics.median(took - used for took, used in invocations(with_a_period, memory_mb, 16.5))
        for memory_mb in (560, 680, 752)
    }

    assert held_ms[560] == pytest.approx(24, abs=3)
    assert held_ms[680] == pytest.approx(24, abs=3)
    assert held_ms[752] == pytest.approx(8, abs=3)


@pytest.mark.parametrize(("memory_mb", "cpu_ms"), [(128, 16.5), (416, 16.5), (560, 10.5), (752, 33.5), (1200, 16.5)])
def test_it_takes_what_the_mechanism_says(with_a_period: Workbench, memory_mb: int, cpu_ms: float) -> None:
    """At other sizes and CPU times, too: for the CPU time that each invocation used."""
    off_ms = [took - burst_ms(memory_mb, used) for took, used in invocations(with_a_period, memory_mb, cpu_ms)]

    assert statistics.median(off_ms) == pytest.approx(0, abs=2)


def test_it_starts_where_handlers_were_seen_to_start() -> None:
    """Half of the invocations start with their period, most others some milliseconds later, as on Lambda."""
    seen = Counter(seen_start_ms() for _ in range(4000))

    assert seen.keys() == SEEN_STARTS_MS.keys()
    for start_ms, weight in SEEN_STARTS_MS.items():
        assert seen[start_ms] / 4000 == pytest.approx(weight, abs=0.06)  # seven standard deviations
