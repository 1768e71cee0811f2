"""Measure an example at every size of a dense grid, one invocation at a time.

The execution host is asked directly, and not through a run of the product: a
run measures several sizes at once, and this is to be the truth, undisturbed.
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.cpu_share import is_disturbed
from bench.examples.grid import ExampleGrid, Machine, SizeSamples, code_sha256, error_ratio
from tuner.cli.examples import Example
from tuner.core.request.memory_sizes import memory_space
from tuner.core.request.tuning_request import MemoryRange
from tuner.embedded.host import ExecutionHost, FunctionSpec
from tuner.embedded.identity import ACCOUNT_ID, REGION, core_count

SIZES_MB = (128, 192, 256, 320, 384, 512, 640, 768, 896, 1024, 1280, 1536, 1769, 2048, 2560, 3008, 3520,
            4096, 5120, 6144, 7168, 8192, 10_240)  # fmt: skip
PASSES = 4
WARM_COUNT = 6
"""Warm invocations in a pass, on one environment."""
SLOW_MS = 1000.0
SLOW_WARM_COUNT = 3
"""Where one takes longer than that: the few smallest sizes, which are most of the time."""
MOST_EXTRA_PASSES = 3
ERROR_LIMIT_RATIO = 0.01
"""Sizes whose mean is known less exactly than that get the extra passes."""


@dataclass
class _Seen:
    duration_ms: list[tuple[float, ...]] = field(default_factory=list)
    billed_ms: list[tuple[int, ...]] = field(default_factory=list)
    max_memory_used_mb: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    disturbed_count: int = 0

    @property
    def wants_more(self) -> bool:
        return not self.failures and error_ratio(self.duration_ms) > ERROR_LIMIT_RATIO


def grid_sizes(largest_mb: int) -> tuple[int, ...]:
    """The sizes to measure on a machine that can give *largest_mb*, with the largest that a run would try.

    Example:
        >>> grid_sizes(600)
        (128, 192, 256, 320, 384, 512, 576)
    """
    tried = memory_space(MemoryRange(), current_mb=128, cap_mb=largest_mb).sizes
    return tuple(sorted({tried[-1], *(size for size in SIZES_MB if size <= largest_mb)}))


def measure_example(
    example: Example,
    machine: Machine,
    work_dir: Path,
    sizes_mb: Sequence[int],
    *,
    passes: int = PASSES,
    seed: int = 0,
    advance: Callable[[int, int], None] | None = None,
) -> ExampleGrid:
    """Measure every size, in an order drawn anew in each pass, so that a slow minute becomes no shape.

    Args:
        example: What is measured, with its own event.
        machine: The one that this runs on.
        work_dir: Where the environments have their folders.
        sizes_mb: At which memory sizes; at most what this machine can give.
        passes: New environments at each size, at least; noisy sizes get up to ``MOST_EXTRA_PASSES`` more.
        seed: Of the order.
        advance: Is told after every environment how many were measured, and of how many.
    """
    drawn = random.Random(f"{example.name}/{seed}")
    seen = {size: _Seen() for size in sizes_mb}
    done = 0
    with ExecutionHost("http://127.0.0.1:9", lambda *_: None, work_dir, core_count()) as host:
        for number in range(passes + MOST_EXTRA_PASSES):
            sizes = [size for size, so_far in seen.items() if number < passes or so_far.wants_more]
            drawn.shuffle(sizes)
            for position, size in enumerate(sizes):
                if not seen[size].failures:
                    _measure_environment(host, example, size, number, seen[size])
                done += 1
                left = len(sizes) - position - 1 + max(0, passes - number - 1) * len(seen)
                if advance is not None:
                    advance(done, done + left)
    return ExampleGrid(
        example.name,
        code_sha256(example),
        machine,
        tuple(
            SizeSamples(
                size,
                tuple(found.duration_ms),
                tuple(found.billed_ms),
                found.max_memory_used_mb,
                dict(found.failures),
                found.disturbed_count,
            )
            for size, found in sorted(seen.items())
        ),
    )


def _measure_environment(host: ExecutionHost, example: Example, memory_mb: int, number: int, seen: _Seen) -> None:
    """One new environment: a cold invocation that is thrown away, then warm ones."""
    spec = FunctionSpec(
        arn=f"arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:{example.function_name}-{memory_mb}-{number}",
        name=example.function_name,
        version="$LATEST",
        code_dir=example.code_dir,
        handler=example.handler,
        memory_mb=memory_mb,
        timeout_s=example.timeout_s,
    )
    event = json.dumps(example.event).encode()
    durations: list[float] = []
    billed: list[int] = []
    warm_count = WARM_COUNT
    try:
        while len(durations) < warm_count:
            result = host.invoke(spec, event)
            seen.max_memory_used_mb = max(seen.max_memory_used_mb, result.max_memory_used_mb)
            if result.status != "success":
                seen.failures[result.error_type or result.status] += 1
                break
            if result.cold:
                continue
            durations.append(round(result.duration_ms, 3))
            billed.append(result.billed_ms)
            seen.disturbed_count += is_disturbed(result)
            if result.duration_ms > SLOW_MS:
                warm_count = SLOW_WARM_COUNT
    finally:
        host.retire(spec.arn)
    if durations:
        seen.duration_ms.append(tuple(durations))
        seen.billed_ms.append(tuple(billed))


def load_per_core() -> float:
    """Other work on this machine: its load average of the last minute, for each core."""
    return os.getloadavg()[0] / core_count()
