"""CPU in proportion to the memory size. Bounds are wide: other work may share the machine."""

from __future__ import annotations

import concurrent.futures
import os

import pytest

from tests.integration.host.conftest import Workbench

BURN = """
import time
def handler(event, context):
    began = time.process_time()
    while time.process_time() - began < event["cpu_s"]:
        sum(range(500))
    time.sleep(event.get("wait_s", 0))
"""

pytestmark = pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="needs two cores")


def test_small_size_is_slow(one_bench: Workbench) -> None:
    """At 256 MB, a seventh of a vCPU, work takes at least five times its CPU time."""
    result = one_bench.invoke(one_bench.function(BURN, memory_mb=256), {"cpu_s": 0.06})

    assert result.cpu_ms is not None
    assert result.cpu_ms >= 60
    assert result.duration_ms > 5 * result.cpu_ms - 25  # the first quota is free, and may be two at a period's edge


def test_waiting_is_not_slowed(one_bench: Workbench) -> None:
    """A handler that only waits takes as long at 128 MB as anywhere."""
    result = one_bench.invoke(one_bench.function(BURN, memory_mb=128), {"cpu_s": 0, "wait_s": 0.3})

    assert 300 <= result.duration_ms < 600


def test_our_own_functions_run_at_full_speed(one_bench: Workbench) -> None:
    """A function that is not CPU-limited has the machine's speed whatever its size."""
    result = one_bench.invoke(one_bench.function(BURN, memory_mb=128, cpu_limited=False), {"cpu_s": 0.1})

    assert result.duration_ms < 700  # 1,380 at 128 MB


def test_children_share_the_cpu(one_bench: Workbench) -> None:
    """Work given to a child process counts: there is no way around the share."""
    spec = one_bench.function(
        """
        import subprocess, sys
        BURN = "import time\\nwhile time.process_time() < 0.1: pass"
        def handler(event, context):
            subprocess.run([sys.executable, "-I", "-S", "-c", BURN], check=True)
        """,
        memory_mb=256,
    )

    result = one_bench.invoke(spec)

    assert result.function_error is None
    assert result.duration_ms > 350  # 690 by the share


def test_init_is_not_slowed(one_bench: Workbench) -> None:
    """The share holds from the first event on; Lambda's init has a full core."""
    spec = one_bench.function(
        """
        import time
        while time.process_time() < 0.2:
            pass
        def handler(event, context): return None
        """,
        memory_mb=128,
    )

    result = one_bench.invoke(spec)

    assert result.init_ms is not None
    assert result.init_ms < 1500  # 2,760 by the share


def test_invocations_wait_for_cores(one_bench: Workbench) -> None:
    """Those that together want more than the machine has run one after the other, and waiting is not duration."""
    cores = os.cpu_count() or 1
    spec = one_bench.function(
        "import time\ndef handler(event, context): time.sleep(0.2)", memory_mb=int(cores * 1769 * 0.9)
    )

    with concurrent.futures.ThreadPoolExecutor() as pool:
        results = list(pool.map(lambda _: one_bench.invoke(spec), range(2)))

    first, second = sorted(results, key=lambda result: result.queued_ms)
    assert first.queued_ms < 100
    assert second.queued_ms >= 200
    assert second.duration_ms < second.queued_ms + 200


def test_our_own_functions_wait_for_nothing(one_bench: Workbench) -> None:
    """A function that invokes another one while it holds no core cannot block it."""
    cores = os.cpu_count() or 1
    spec = one_bench.function(
        "import time\ndef handler(event, context): time.sleep(0.1)", memory_mb=10240, cpu_limited=False
    )

    with concurrent.futures.ThreadPoolExecutor() as pool:
        results = list(pool.map(lambda _: one_bench.invoke(spec), range(cores + 2)))

    assert {result.queued_ms for result in results} == {0}


def test_machine_busy_ratio_is_told(one_bench: Workbench) -> None:
    """Where the kernel tells it, the result says how long the worker was kept from running."""
    result = one_bench.invoke(one_bench.function(BURN), {"cpu_s": 0.05})

    assert result.machine_busy_ratio is None or 0 <= result.machine_busy_ratio < 3
