"""The benchmark's exhaustive measurement, on a real execution host with an example of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.examples.grid import Machine
from bench.examples.measuring import MOST_EXTRA_PASSES, WARM_COUNT, measure_example
from tuner.cli.examples import Example

CODE = """
import os, time
STARTED = []
def handler(event, context):
    if int(context.memory_limit_in_mb) < 256:
        raise RuntimeError("too small")
    STARTED.append(0)
    time.sleep(0.2 if len(STARTED) == 1 else 0.01)
    return event["answer"]
"""


@pytest.fixture
def example(tmp_path: Path) -> Example:
    """One that fails below 256 MB, and whose first invocation on an environment is slow."""
    folder = tmp_path / "example"
    folder.mkdir()
    (folder / "app.py").write_text(CODE)
    (folder / "event.json").write_text('{"answer": 42}')
    return Example("own", "waits", "nothing", "app.handler", 512, 10, {"percentile": 95, "limitMs": 100}, folder)


def test_each_size_has_new_environments_and_warm_invocations_only(example: Example, tmp_path: Path) -> None:
    """Cold invocations are thrown away, and a size that fails is asked once, and told with its reason."""
    told: list[tuple[int, int]] = []
    machine = Machine("a processor", 2, "x86_64", "3.13")

    grid = measure_example(
        example, machine, tmp_path / "work", (128, 512), passes=2, advance=lambda *each: told.append(each)
    )

    failed, measured = grid.sizes
    assert (grid.example, grid.machine) == ("own", machine)
    assert (failed.memory_mb, failed.duration_ms, failed.failures) == (128, (), {"RuntimeError": 1})
    assert measured.memory_mb == 512
    assert not measured.failures
    assert 2 <= len(measured.duration_ms) <= 2 + MOST_EXTRA_PASSES
    assert {len(row) for row in measured.duration_ms} == {WARM_COUNT}
    assert sorted(measured.durations_ms)[len(measured.durations_ms) // 2] < 150
    assert [len(row) for row in measured.billed_ms] == [len(row) for row in measured.duration_ms]
    assert measured.max_memory_used_mb > 0
    done = [each for each, _ in told]
    assert done == list(range(1, len(told) + 1))
    assert told[-1][0] == told[-1][1]
