"""Does other work on the machine make the answer wrong?

``python -m bench busy`` tunes three functions whose answer is known, on an idle
machine and beside a busy loop for each of its cores. The truth is the model
that the embedded AWS imitates: what a function computes takes its CPU time over
its share of a vCPU, in the steps of ``core/search/cpu_quota.py``; what it waits
takes as long at every size.

A verdict is wrong where it says with 0.9 or more that no size meets the goal,
or that the recommended one does which does not, by more than
``GOAL_MARGIN_RATIO``. A pick is good where it meets the goal within that, and
costs no more than the tolerance above the cheapest that meets it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.examples.running import tune
from tuner.core.aws_limits import CPU_PERIOD_MS, SEEN_STARTS_MS
from tuner.core.measurement.latency import percentile
from tuner.core.model import DEFAULT_TOLERANCE
from tuner.core.search.cpu_quota import burst_ms
from tuner.embedded.account import EmbeddedAws, deploy_function, embedded_aws

SIZES_MB = (128, 192, 256, 384, 512, 640, 768, 896, 1024, 1280, 1769)
PERCENTILE = 95
GOAL_MARGIN_RATIO = 0.05
SURE = 0.9
MOST_INVOCATIONS = 20
FEWER_ALLOWED = 2
"""So many good picks fewer than on the idle machine are put down to luck."""
_STARTS = 200

CODE = """
import time

def burn(cpu_s):
    began = time.thread_time()
    while time.thread_time() - began < cpu_s:
        sum(range(200))

def handler(event, context):
    time.sleep(event["waitMs"] / 1000)
    burn(event["cpuMs"] / 1000)
"""


@dataclass(frozen=True)
class Known:
    """A function whose answer is known: it waits, then computes."""

    name: str
    wait_ms: float
    cpu_ms: float
    limit_ms: float
    memory_mb: int
    """What it has today."""

    def durations_ms(self, memory_mb: int) -> list[float]:
        """What it takes at a size, at each of the starts as often as it is met."""
        return [
            duration_ms
            for start_ms, weight in SEEN_STARTS_MS.items()
            for duration_ms in [
                self.wait_ms + burst_ms(memory_mb, self.cpu_ms, (start_ms + self.wait_ms) % CPU_PERIOD_MS)
            ]
            * round(_STARTS * weight)
        ]

    def percentile_ms(self, memory_mb: int) -> float:
        """Its goal's percentile at a size."""
        return percentile(self.durations_ms(memory_mb), PERCENTILE)

    def is_good(self, memory_mb: int) -> bool:
        """Whether a pick meets the goal, and costs as little as one that does can."""
        cost = {size: size * statistics.mean(self.durations_ms(size)) for size in SIZES_MB}
        cheapest = min(cost[size] for size in SIZES_MB if self.percentile_ms(size) <= self.limit_ms)
        return self.meets(memory_mb) and cost[memory_mb] <= cheapest * (1 + DEFAULT_TOLERANCE)

    def meets(self, memory_mb: int) -> bool:
        """Whether a size meets the goal, within the margin."""
        return self.percentile_ms(memory_mb) <= self.limit_ms * (1 + GOAL_MARGIN_RATIO)


FUNCTIONS = (
    Known("computes", 0, 60, 150, 1024),
    Known("computes-and-waits", 60, 20, 160, 1024),
    Known("waits", 80, 3, 150, 512),
)


@dataclass(frozen=True)
class Answer:
    """What one run said; ``error`` if it failed."""

    pick_mb: int = 0
    verdict: str = ""
    confidence: float = 0.0
    invocations: int = 0
    disturbed: int = 0
    error: str = ""

    def is_wrong(self, known: Known) -> bool:
        """Whether it is sure of what is not so; that every function here has sizes that meet its goal is known."""
        if self.confidence < SURE:
            return False
        return self.verdict == "GOAL_NOT_MET" or (self.verdict == "GOAL_MET" and not known.meets(self.pick_mb))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take what the user may choose."""
    parser.description = __doc__.partition("\n")[0] if __doc__ else ""
    parser.add_argument("--runs", type=int, default=10, help="runs of each function, idle and busy (default 10)")
    parser.add_argument("--function", choices=[each.name for each in FUNCTIONS], help="only this one")
    parser.add_argument("--quick", action="store_true", help="one run each of the first function: whether it works")


def run(parsed: argparse.Namespace) -> int:
    """Tune them all and print a table; 1 where busy was worse than it may be."""
    functions = [each for each in FUNCTIONS if parsed.function in (None, each.name)][: 1 if parsed.quick else None]
    runs = 1 if parsed.quick else parsed.runs
    answers: dict[tuple[str, bool], list[Answer]] = {}
    with tempfile.TemporaryDirectory() as folder:
        code_dir = Path(folder) / "code"
        code_dir.mkdir()
        (code_dir / "app.py").write_text(CODE, encoding="utf-8")
        with embedded_aws(home=Path(folder) / "home") as aws:
            for known in functions:
                for busy in (False, True):
                    with busy_loops(os.cpu_count() or 1) if busy else contextlib.nullcontext():
                        answers[known.name, busy] = [
                            _tuned(aws, known, code_dir, f"{known.name}-{'busy' if busy else 'idle'}-{number}")
                            for number in range(runs)
                        ]
                    print(_progress(known, answers[known.name, busy], busy=busy), file=sys.stderr, flush=True)
    return _print_table(functions, answers)


@contextlib.contextmanager
def busy_loops(count: int) -> Iterator[None]:
    """So many processes that do nothing but take a core."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def _tuned(aws: EmbeddedAws, known: Known, code_dir: Path, name: str) -> Answer:
    deploy_function(
        aws,
        name=known.name,
        code_dir=code_dir,
        handler="app.handler",
        memory_mb=known.memory_mb,
        timeout_s=10,
        environment={},
        interpreter=None,
    )
    request = {
        "lambdaARN": known.name,
        "payload": {"waitMs": known.wait_ms, "cpuMs": known.cpu_ms},
        "goal": {"percentile": PERCENTILE, "limitMs": known.limit_ms},
        "memory": list(SIZES_MB),
        "budget": {"maxInvocations": MOST_INVOCATIONS},
        "warmStart": False,
    }
    report, reason = tune(aws, request, name)
    if report is None:
        return Answer(error=reason)
    return Answer(
        pick_mb=int(report["recommended"]["memoryMb"]),
        verdict=str(report["verdict"]),
        confidence=float(report["confidence"]),
        invocations=int(report["invocations"]),
        disturbed=sum("coreWaitMs" in each for each in report["observations"]),
    )


def _progress(known: Known, answers: Sequence[Answer], *, busy: bool) -> str:
    failed = [each.error for each in answers if each.error]
    state = "busy" if busy else "idle"
    return f"{known.name}, {state}: {len(answers)} runs" + (f"; {len(failed)} failed: {failed[0]}" if failed else "")


def _print_table(functions: Sequence[Known], answers: dict[tuple[str, bool], list[Answer]]) -> int:
    print("| function | machine | verdicts | picks, MB | wrong at 0.9 or more | good picks | invocations | disturbed |")
    print("|---|---|---|---|---|---|---|---|")
    worse = 0
    for known in functions:
        good: dict[bool, int] = {}
        for busy in (False, True):
            of_it = answers[known.name, busy]
            told = [each for each in of_it if not each.error]
            wrong = sum(each.is_wrong(known) for each in told)
            good[busy] = sum(known.is_good(each.pick_mb) for each in told)
            invocations = sum(each.invocations for each in told)
            verdicts = _counts(each.verdict or "failed" for each in of_it)
            picks = _counts(each.pick_mb for each in told)
            print(
                f"| {known.name} | {'busy' if busy else 'idle'} | {verdicts} | {picks} "
                f"| {wrong} of {len(of_it)} | {good[busy]} of {len(of_it)} "
                f"| {invocations / max(1, len(told)):.1f} | {sum(each.disturbed for each in told)} of {invocations} |"
            )
            worse += bool(wrong and busy)
        worse += good[True] < good[False] - FEWER_ALLOWED
    idle, busy_count = (
        statistics.mean([each.invocations for known in functions for each in answers[known.name, busy]] or [0])
        for busy in (False, True)
    )
    print(f"\nInvocations of a run: {idle:.1f} idle, {busy_count:.1f} busy ({busy_count - idle:+.1f}).")
    return 1 if worse else 0


def _counts(values: Iterator[object]) -> str:
    return ", ".join(
        f"{count} × {value}" for value, count in sorted(Counter(values).items(), key=lambda row: str(row[0]))
    )
