"""Do short functions step on the embedded AWS where they step on Lambda?

``python -m bench host`` runs handlers that compute for some milliseconds of CPU
time, which makes them the same on every machine, at 24 memory sizes. It
compares their mean durations with the mechanism (``core/search/cpu_quota.py``)
for the CPU time that each invocation used, the runtime's own part with it. How
long after its period began an invocation starts is dealt out as often as on
Lambda, so that luck does not decide beside a step. For 17.3 ms the means of the
real function (``bench steps``) stand beside them.

``--kernel`` measures bursts under the kernel's own control group instead. It
needs root and a writable cgroup v1; each burst starts with a period.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.steps import measured
from tuner.core.aws_limits import CPU_PERIOD_MS, ONE_VCPU_MB, SEEN_STARTS_MS
from tuner.core.search.cpu_quota import burst_ms
from tuner.embedded.host import ExecutionHost, FunctionSpec, InvocationResult

REAL_CPU_MS = 17.3
REAL_MEAN_MS = {int(row["memory_mb"]): row["mean_ms"] for row in measured()}
SIZES_MB = tuple(sorted({*REAL_MEAN_MS, 160, 240, 310, 912, 982, 1194, 1620, 1856}))
CLOSE_RATIO = 0.1
DISTURBED_RATIO = 0.02

CODE = """
import time

def handler(event, context):
    began = time.thread_time()
    while time.thread_time() - began < event["cpuMs"] / 1e3:
        pass
"""

_GROUP = Path("/sys/fs/cgroup/cpu/lambda-tuner-steps")
_BURSTS = """
import os, sys, time
with open(sys.argv[1], "w") as members:
    members.write(str(os.getpid()))
for _ in range(int(sys.argv[3])):
    time.sleep(0.1)
    began, used = time.monotonic(), time.thread_time()
    while time.thread_time() - used < float(sys.argv[2]) / 1e3:
        pass
    print((time.monotonic() - began) * 1e3)
"""


Row = dict[str, float | None]


def dealt_starts_ms(count: int) -> list[float]:
    """*count* starts in random order, each as often as it was seen."""
    starts, weights = list(SEEN_STARTS_MS), list(SEEN_STARTS_MS.values())
    reached = [sum(weights[: number + 1]) / sum(weights) for number in range(len(weights))]
    dealt = [starts[sum((deal + 0.5) / count > each for each in reached)] for deal in range(count)]
    random.shuffle(dealt)
    return dealt


class Bench:
    """A host whose invocations start when they are told to."""

    def __init__(self, folder: Path, rounds: int) -> None:
        self._rounds = rounds
        self._starts_ms: list[float] = []
        self._code_dir = folder / "code"
        self._code_dir.mkdir()
        (self._code_dir / "app.py").write_text(CODE)
        self.host = ExecutionHost(
            "http://127.0.0.1:9", lambda *_: None, folder, os.cpu_count() or 1, start_ms=self._next_start_ms
        )

    def _next_start_ms(self) -> float:
        return self._starts_ms.pop() if self._starts_ms else 0.0

    def row(self, cpu_ms: float, memory_mb: int) -> Row:
        """Invoke it as often as there are rounds, on a warm environment."""
        self._invoke(cpu_ms, memory_mb)
        starts_ms = dealt_starts_ms(self._rounds)
        self._starts_ms = starts_ms[::-1]
        results = [self._invoke(cpu_ms, memory_mb) for _ in range(self._rounds)]
        used_ms = [each.cpu_ms or 0.0 for each in results]
        return {
            **_row(cpu_ms, memory_mb, [each.duration_ms for each in results], used_ms, starts_ms),
            "core_wait_ms": statistics.mean(each.core_wait_ms for each in results),
            "disturbed": sum(each.core_wait_error_ms > DISTURBED_RATIO * each.duration_ms for each in results),
        }

    def _invoke(self, cpu_ms: float, memory_mb: int) -> InvocationResult:
        spec = FunctionSpec(
            arn=f"arn:aws:lambda:us-east-1:123456789012:function:steps-{memory_mb}",
            name=f"steps-{memory_mb}",
            version="1",
            code_dir=self._code_dir,
            handler="app.handler",
            memory_mb=memory_mb,
            timeout_s=60,
        )
        result = self.host.invoke(spec, json.dumps({"cpuMs": cpu_ms}).encode())
        if result.function_error is not None:
            raise RuntimeError(result.payload.decode())
        return result


def on_host(cpu_ms: Sequence[float], sizes_mb: Sequence[int], rounds: int) -> list[Row]:
    """A row for each handler and size: the host's mean, the mechanism's, and the real function's."""
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), rounds)
        with bench.host:
            return [bench.row(each_ms, memory_mb) for each_ms in cpu_ms for memory_mb in sizes_mb]


def on_kernel(cpu_ms: Sequence[float], sizes_mb: Sequence[int], rounds: int) -> list[Row]:
    """The same rows for the kernel's control group, in which each burst starts with a period."""
    rows = []
    _GROUP.mkdir()
    try:
        (_GROUP / "cpu.shares").write_text("262144")  # nothing takes a wait for a core out of these durations
        (_GROUP / "cpu.cfs_period_us").write_text(f"{CPU_PERIOD_MS * 1e3:.0f}")
        for each_ms in cpu_ms:
            for memory_mb in sizes_mb:
                (_GROUP / "cpu.cfs_quota_us").write_text(f"{CPU_PERIOD_MS * 1e3 * memory_mb / ONE_VCPU_MB:.0f}")
                members = str(_GROUP / "cgroup.procs")
                bursts = subprocess.run(
                    [sys.executable, "-I", "-S", "-c", _BURSTS, members, str(each_ms), str(rounds)],
                    check=True,
                    capture_output=True,
                    text=True,
                )
                durations_ms = [float(line) for line in bursts.stdout.split()]
                rows.append(_row(each_ms, memory_mb, durations_ms, [each_ms] * rounds, [0.0] * rounds))
    finally:
        _GROUP.rmdir()
    return rows


def _row(
    cpu_ms: float,
    memory_mb: int,
    durations_ms: Sequence[float],
    used_ms: Sequence[float],
    starts_ms: Sequence[float],
) -> Row:
    mean_ms = statistics.mean(durations_ms)
    bursts_ms = [burst_ms(memory_mb, used, start) for used, start in zip(used_ms, starts_ms, strict=True)]
    mechanism_ms = statistics.mean(bursts_ms)
    real_ms = REAL_MEAN_MS.get(memory_mb) if cpu_ms == REAL_CPU_MS else None
    return {
        "cpu_ms": cpu_ms,
        "memory_mb": memory_mb,
        "used_ms": statistics.mean(used_ms),
        "mean_ms": mean_ms,
        "mechanism_ms": mechanism_ms,
        "off_ratio": mean_ms / mechanism_ms - 1,
        "real_ms": real_ms,
        "off_real_ratio": None if real_ms is None else mean_ms / real_ms - 1,
    }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("--cpu-ms", default="4,8,17.3,40,100", help="CPU time of the handlers, by comma")
    parser.add_argument("--sizes", default=",".join(map(str, SIZES_MB)), help="memory sizes, by comma")
    parser.add_argument("--rounds", type=int, default=20, help="warm invocations of each handler and size (default 20)")
    parser.add_argument("--kernel", action="store_true", help="measure the kernel's control group instead")
    parser.add_argument("--json", type=Path, help="write the rows here")


def run(arguments: argparse.Namespace) -> int:
    """Measure and print a table in Markdown."""
    try:
        cpu_ms = [float(each) for each in arguments.cpu_ms.split(",")]
        sizes_mb = [int(each) for each in arguments.sizes.split(",")]
    except ValueError as error:
        print(f"--cpu-ms and --sizes are numbers, separated by commas: {error}", file=sys.stderr)
        return 2
    if arguments.kernel and not os.access(_GROUP.parent, os.W_OK):
        print(f"--kernel needs root and a cgroup v1 for CPU time at {_GROUP.parent}", file=sys.stderr)
        return 2
    rows = (on_kernel if arguments.kernel else on_host)(cpu_ms, sizes_mb, arguments.rounds)
    _print(rows)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return 0


def _print(rows: Sequence[Row]) -> None:
    print("| CPU | memory size | mean | mechanism | off | real function | off |\n|---|---|---|---|---|---|---|")
    for row in rows:
        real = "| |" if row["real_ms"] is None else f"| {row['real_ms']:.1f} ms | {row['off_real_ratio']:+.0%} |"
        print(
            f"| {row['cpu_ms']:g} ms | {row['memory_mb']:,} MB | {row['mean_ms']:.1f} ms "
            f"| {row['mechanism_ms']:.1f} ms | {row['off_ratio']:+.1%} {real}"
        )
    print()
    for cpu_ms in dict.fromkeys(row["cpu_ms"] for row in rows):
        of_it = [row for row in rows if row["cpu_ms"] == cpu_ms]
        used_ms = statistics.mean(row["used_ms"] or 0.0 for row in of_it)
        print(f"{cpu_ms:g} ms ({used_ms:.1f} with the runtime): {_closeness(of_it, 'off_ratio')}")
        if real_ones := [row for row in of_it if row["off_real_ratio"] is not None]:
            print(f"{cpu_ms:g} ms, real function: {_closeness(real_ones, 'off_real_ratio')}")
    if disturbed := sum(row.get("disturbed") or 0.0 for row in rows):
        print(f"{disturbed:.0f} invocations may be off by more than {DISTURBED_RATIO:.0%}, as the host says.")


def _closeness(rows: Sequence[Row], name: str) -> str:
    off = sorted(abs(row[name] or 0.0) for row in rows)
    close = sum(each <= CLOSE_RATIO for each in off)
    middle = statistics.median(off)
    beyond = f"off by {middle:.1%} in the median, {off[-1]:.1%} at most"
    return f"within {CLOSE_RATIO:.0%} at {close} of {len(off)} sizes; {beyond}"
