"""Does the execution host give a function the CPU that its memory size buys?

``python -m bench.cpu_share`` runs handlers at 128 to 3,008 MB, as far as this
machine's cores go, and prints measured over expected duration::

    expected = CPU seconds of that invocation / share + seconds of waiting

where a share counts no higher than the handler's threads can use. A little
below 1 is right: a worker is held back only from the next tick on, on Lambda
too, and what a burst owes at its end is never paid. Sizes are interleaved,
so that a slow minute of the machine meets all of them. What the worker waited
for a core is not in the durations; invocations during which it waited for more
than a tenth of them are counted as disturbed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tuner.core.aws_limits import ONE_VCPU_MB
from tuner.embedded.host import ExecutionHost, FunctionSpec, InvocationResult

MEMORY_SIZES_MB = (128, 256, 512, 1024, 1769, 3008)
BUSY_LIMIT_RATIO = 0.1

CODE = """
import threading, time, zlib

def burn(cpu_s):
    began = time.thread_time()
    while time.thread_time() - began < cpu_s:
        sum(range(500))

def cpu(event, context):
    burn(0.15)

def wait(event, context):
    time.sleep(0.15)
    burn(0.02)

def two(event, context):
    block = bytes(range(256)) * 400
    def work():
        began = time.thread_time()
        while time.thread_time() - began < 0.08:
            zlib.compress(block, 6)
    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()

def overlap(event, context):
    thread = threading.Thread(target=time.sleep, args=(0.15,))
    thread.start()
    burn(0.1)
    thread.join()
"""


@dataclass(frozen=True, slots=True)
class Workload:
    """A handler of ``CODE``: what it waits for, and how many threads of it can work at once."""

    name: str
    wait_ms: float
    thread_count: int
    does_overlap: bool = False

    def expected_ms(self, cpu_ms: float, share: float) -> float:
        """The duration that the model promises."""
        working_ms = cpu_ms / min(share, self.thread_count)
        return max(working_ms, self.wait_ms) if self.does_overlap else working_ms + self.wait_ms


WORKLOADS = (
    Workload("cpu", 0, 1),
    Workload("wait", 150, 1),
    Workload("two", 0, 2),
    Workload("overlap", 150, 1, does_overlap=True),
)


def measure(names: list[str], rounds: int, sizes_mb: list[int]) -> dict[str, dict[int, dict[str, float]]]:
    """Ratios by workload and memory size: ``median``, ``low`` (5th percentile), ``high``, ``disturbed_count``."""
    workloads = [each for each in WORKLOADS if each.name in names]
    ratios: dict[tuple[str, int], list[float]] = {}
    disturbed: dict[tuple[str, int], int] = {}
    with tempfile.TemporaryDirectory() as folder:
        code_dir = Path(folder) / "code"
        code_dir.mkdir()
        (code_dir / "app.py").write_text(CODE)
        with ExecutionHost("http://127.0.0.1:9", lambda *_: None, Path(folder), os.cpu_count() or 1) as host:
            for workload in workloads:
                for number in range(rounds + 1):
                    for memory_mb in sizes_mb:
                        result = _invoke(host, code_dir, workload.name, memory_mb)
                        if number == 0:
                            continue  # the cold one
                        assert result.cpu_ms is not None
                        share = memory_mb / ONE_VCPU_MB
                        key = (workload.name, memory_mb)
                        expected_ms = workload.expected_ms(result.cpu_ms, share)
                        ratios.setdefault(key, []).append(result.duration_ms / expected_ms)
                        disturbed[key] = disturbed.get(key, 0) + is_disturbed(result)
    return {
        workload.name: {
            memory_mb: {
                **_spread(ratios[workload.name, memory_mb]),
                "disturbed_count": disturbed[workload.name, memory_mb],
            }
            for memory_mb in sizes_mb
        }
        for workload in workloads
    }


def is_disturbed(result: InvocationResult) -> bool:
    """Whether it waited for a core for more than a tenth of its duration."""
    return result.core_wait_ms > BUSY_LIMIT_RATIO * result.duration_ms


def _invoke(host: ExecutionHost, code_dir: Path, name: str, memory_mb: int) -> InvocationResult:
    spec = FunctionSpec(
        arn=f"arn:aws:lambda:us-east-1:123456789012:function:{name}-{memory_mb}",
        name=f"{name}-{memory_mb}",
        version="1",
        code_dir=code_dir,
        handler=f"app.{name}",
        memory_mb=memory_mb,
        timeout_s=60,
    )
    result = host.invoke(spec, b"{}")
    if result.function_error is not None:
        raise RuntimeError(result.payload.decode())
    return result


def _spread(ratios: list[float]) -> dict[str, float]:
    ordered = sorted(ratios)
    last = len(ordered) - 1
    return {
        "median": statistics.median(ordered),
        "low": ordered[round(0.05 * last)],
        "high": ordered[round(0.95 * last)],
    }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("--rounds", type=int, default=9, help="warm invocations of each handler and size (default 9)")
    parser.add_argument("--handlers", default="cpu,wait,two,overlap", help="which, by comma (default all)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Measure and print a table, in Markdown or as JSON."""
    core_count = os.cpu_count() or 1
    sizes_mb = [size for size in MEMORY_SIZES_MB if size / ONE_VCPU_MB <= core_count]
    table = measure(arguments.handlers.split(","), arguments.rounds, sizes_mb)
    if arguments.json:
        print(json.dumps({"cores": core_count, "load": os.getloadavg()[0], "ratios": table}))
        return 0
    print(f"Measured over expected duration; median [5th-95th percentile of {arguments.rounds}]; d = disturbed")
    print(f"{core_count} cores, load average {os.getloadavg()[0]:.1f}\n")
    print("| handler | " + " | ".join(f"{size:,} MB" for size in sizes_mb) + " |")
    print("|---|" + "---|" * len(sizes_mb))
    for name, by_size in table.items():
        cells = [
            f"{each['median']:.3f} [{each['low']:.3f}-{each['high']:.3f}]"
            + (f" d{each['disturbed_count']:.0f}" if each["disturbed_count"] else "")
            for each in by_size.values()
        ]
        print(f"| {name} | " + " | ".join(cells) + " |")
    return 0
