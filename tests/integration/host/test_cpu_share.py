"""CPU in proportion to the memory size. Bounds are wide: other work may share the machine."""

from __future__ import annotations

import concurrent.futures
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.integration.host.conftest import Workbench
from tuner.core.log_records import ReportRecord, find_report
from tuner.embedded.host import InvocationResult, worker
from tuner.embedded.host.sandbox import start_worker

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


def test_init_begins_with_the_worker_however_late_we_look(
    one_bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a busy machine the host goes on long after the worker began, and the init is as long all the same."""

    def start_and_sleep(*args: Any, **options: Any) -> Any:
        started = start_worker(*args, **options)
        time.sleep(0.4)
        return started

    monkeypatch.setattr(worker, "start_worker", start_and_sleep)
    spec = one_bench.function("import time; time.sleep(0.3)\ndef handler(event, context): pass")

    result = one_bench.invoke(spec)

    assert result.init_ms is not None
    assert result.init_ms >= 300


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


def report_of(result: InvocationResult) -> ReportRecord:
    """The record that the invocation left in its log."""
    report = find_report(result.log_tail, result.request_id)
    assert report is not None
    return report


@pytest.mark.parametrize("memory_mb", [256, 512, 1024])
def test_cpu_time_over_duration_is_the_share(one_bench: Workbench, memory_mb: int) -> None:
    """One thread that only computes gets its share, memory / 1,769, of its duration, and the record says so."""
    spec = one_bench.function(BURN, memory_mb=memory_mb, tells_cpu_time=True)
    share = memory_mb / 1769
    one_bench.invoke(spec, {"cpu_s": 0})

    result = one_bench.invoke(spec, {"cpu_s": 0.6 * share})

    report = report_of(result)
    assert report.cpu_ms is not None
    assert report.cpu_ms >= 600 * share
    # The quotas of the first and the last period may be used up in full: 40 ms of 600.
    assert report.cpu_ms / report.duration_ms <= 1.1 * share
    assert report.cpu_ms / report.duration_ms >= 0.7 * share


def test_cpu_time_of_a_whole_core(one_bench: Workbench) -> None:
    """From 1,769 MB on, one thread that only computes burns as much as it takes, other work aside."""
    spec = one_bench.function(BURN, memory_mb=1769, tells_cpu_time=True)

    report = report_of(one_bench.invoke(spec, {"cpu_s": 0.3}))

    assert report.cpu_ms is not None
    assert 300 <= report.cpu_ms < 400
    assert report.cpu_ms <= 1.05 * report.duration_ms


@pytest.mark.parametrize("memory_mb", [128, 1769 * (os.cpu_count() or 1)])
def test_waiting_takes_no_cpu_time(one_bench: Workbench, memory_mb: int) -> None:
    """A handler that waits burns nearly nothing, whether it is held to a share or not."""
    spec = one_bench.function(BURN, memory_mb=memory_mb, tells_cpu_time=True)
    one_bench.invoke(spec, {"cpu_s": 0})

    report = report_of(one_bench.invoke(spec, {"cpu_s": 0, "wait_s": 0.3}))

    assert report.cpu_ms is not None
    assert 0 < report.cpu_ms < 15
    assert report.thread_count == 1


@pytest.mark.parametrize("memory_mb", [512, 1769 * (os.cpu_count() or 1)])
def test_cpu_time_of_children_and_threads(one_bench: Workbench, memory_mb: int) -> None:
    """CPU time is of the whole tree of processes; an init's children are not in it, and threads are counted."""
    spec = one_bench.function(
        """
        import subprocess, sys, threading
        BURN = "import time\\nwhile time.process_time() < 0.2: pass"
        def burn():
            subprocess.run([sys.executable, "-I", "-S", "-c", BURN], check=True)
        burn()
        def handler(event, context):
            if event == "idle":
                return
            threads = [threading.Thread(target=burn) for _ in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        """,
        memory_mb=memory_mb,
        tells_cpu_time=True,
    )

    idle, busy = (report_of(one_bench.invoke(spec, event)) for event in ("idle", "work"))

    assert idle.cpu_ms is not None
    assert idle.cpu_ms < 50
    assert busy.cpu_ms is not None
    assert 400 <= busy.cpu_ms < 700
    assert busy.thread_count is not None
    assert busy.thread_count >= 3  # the worker's own, and one in each child or beside it


@pytest.mark.parametrize("memory_mb", [512, 1769 * (os.cpu_count() or 1)])
def test_a_child_that_ended_at_the_response_counts_once(one_bench: Workbench, memory_mb: int) -> None:
    """What the worker's own accounts say of a child is what the host says, however briefly it has been gone.

    Counted twice, it would also be owed twice: the duration came out up to twice too long.
    """
    spec = one_bench.function(
        """
        import resource, subprocess, sys
        BURN = "import time\\nwhile time.process_time() < 0.1: pass"
        def used_ms():
            usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
            return sum(usage.ru_utime + usage.ru_stime for usage in usages) * 1e3
        def handler(event, context):
            before_ms = used_ms()
            subprocess.run([sys.executable, "-I", "-S", "-c", BURN], check=True)
            return used_ms() - before_ms
        """,
        memory_mb=memory_mb,
    )

    for _ in range(5):
        result = one_bench.invoke(spec)

        assert result.cpu_ms is not None
        assert abs(result.cpu_ms - float(result.payload)) < 30  # the kernel's sum is in steps of 10 ms, twice


@pytest.mark.parametrize("log_format", ["Text", "JSON"])
def test_cpu_time_is_not_told_unasked(one_bench: Workbench, log_format: str) -> None:
    """A record has no field that AWS's lack, unless the function was made to tell."""
    result = one_bench.invoke(one_bench.function(BURN, log_format=log_format), {"cpu_s": 0.02})

    assert "CPU" not in result.log_tail
    assert "cpu" not in result.log_tail
    assert "hreads" not in result.log_tail
    assert report_of(result).cpu_ms is None


def test_failed_init_has_no_cpu_time(one_bench: Workbench) -> None:
    """Where no handler ran, there is nothing to tell; a time-out tells what was burned until then."""
    broken = one_bench.invoke(one_bench.function("import no_such_module", tells_cpu_time=True))
    endless = one_bench.invoke(one_bench.function(BURN, timeout_s=0.3, tells_cpu_time=True), {"cpu_s": 60})

    assert report_of(broken).cpu_ms is None
    late = report_of(endless)
    assert late.timed_out
    assert late.cpu_ms is not None
    assert 20 < late.cpu_ms < 400  # other work may have had the core


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="this kernel tells no wait for a core")
def test_other_work_is_not_in_the_duration(one_bench: Workbench) -> None:
    """Beside busy loops, the record says how long the worker waited, and the duration is the work's own."""
    spec = one_bench.function(BURN, memory_mb=1769, tells_core_wait=True)
    one_bench.invoke(spec, {"cpu_s": 0})
    # Each in a session of its own: the kernel may share the cores between sessions before it does between processes.
    loops = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"], start_new_session=True)
        for _ in range(4 * (os.cpu_count() or 1))
    ]
    try:
        for _ in range(20):
            result = one_bench.invoke(spec, {"cpu_s": 0.15})
            if result.core_wait_ms > 75:
                break
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()

    report = report_of(result)
    assert report.core_wait_ms == pytest.approx(result.core_wait_ms, abs=0.001)
    assert result.core_wait_ms > 75
    assert result.core_wait_error_ms == pytest.approx(result.core_wait_ms / 10)  # one thread
    assert 150 <= report.duration_ms < 150 + result.core_wait_ms / 2
