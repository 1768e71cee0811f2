"""The exhaustive measurement of one example, and the file that keeps it."""

from __future__ import annotations

import hashlib
import json
import math
import platform
import re
import statistics
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tuner.cli.examples import Example
from tuner.embedded.identity import core_count


@dataclass(frozen=True)
class Machine:
    """What a machine's durations depend on; nothing that tells whose it is."""

    cpu: str
    cores: int
    architecture: str
    python: str


@dataclass(frozen=True)
class SizeSamples:
    """The invocations of one example at one memory size."""

    memory_mb: int
    duration_ms: tuple[tuple[float, ...], ...]
    """Of the warm ones, a row for each execution environment."""
    billed_ms: tuple[tuple[int, ...], ...]
    max_memory_used_mb: int
    failures: Mapping[str, int]
    """How many invocations ended so, by error type or ``timeout``; a size with one is not usable."""
    disturbed_count: int
    """Warm invocations that waited for a core of this machine for more than a tenth of their duration."""

    @property
    def durations_ms(self) -> tuple[float, ...]:
        """Every warm duration."""
        return tuple(sample for row in self.duration_ms for sample in row)

    @property
    def mean_billed_ms(self) -> float:
        """Mean of the billed durations of warm invocations."""
        return statistics.fmean(sample for row in self.billed_ms for sample in row)


@dataclass(frozen=True)
class ExampleGrid:
    """Every size of one example."""

    example: str
    code_sha256: str
    """Of the handler and its event: with another one the durations are of another function."""
    machine: Machine
    sizes: tuple[SizeSamples, ...]
    """Ascending."""


def error_ratio(duration_ms: Sequence[Sequence[float]]) -> float:
    """Standard error of the mean over the mean, from the means of the environments; infinite with fewer than two.

    Invocations on one environment share a factor, so that each environment is one sample.
    """
    means = [statistics.fmean(row) for row in duration_ms]
    if len(means) < 2:
        return math.inf
    return statistics.stdev(means) / math.sqrt(len(means)) / statistics.fmean(means)


def this_machine() -> Machine:
    """Describe the machine that this runs on."""
    return Machine(_cpu_name(), int(core_count()), platform.machine(), "{}.{}".format(*sys.version_info))


def _cpu_name() -> str:
    known = Path("/proc/cpuinfo")
    if known.is_file():
        found = re.search(r"^model name\s*:\s*(.+)$", known.read_text(encoding="utf-8"), re.MULTILINE)
        if found:
            return found[1].strip()
    return platform.processor() or "unknown"


def code_sha256(example: Example) -> str:
    """Hash what an example does: its handler and its event."""
    content = [(example.code_dir / name).read_bytes() for name in ("app.py", "event.json")]
    return hashlib.sha256(b"\0".join(content)).hexdigest()


def read_grids(path: Path) -> dict[str, ExampleGrid]:
    """Read the file, by the example's name.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A line is no grid; names the file and the line.
    """
    grids: dict[str, ExampleGrid] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            grid = _grid_of(json.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path}:{number} is no measured example: {error!r}") from error
        grids[grid.example] = grid
    return grids


def _grid_of(record: Mapping[str, Any]) -> ExampleGrid:
    sizes = sorted((_size_of(row) for row in record["sizes"]), key=lambda row: row.memory_mb)
    if not any(row.duration_ms for row in sizes):
        raise ValueError("no size has a warm invocation")
    return ExampleGrid(str(record["example"]), str(record["code_sha256"]), Machine(**record["machine"]), tuple(sizes))


def _size_of(row: Mapping[str, Any]) -> SizeSamples:
    durations = tuple(tuple(float(sample) for sample in samples) for samples in row["duration_ms"])
    billed = tuple(tuple(int(sample) for sample in samples) for samples in row["billed_ms"])
    if [len(samples) for samples in durations] != [len(samples) for samples in billed] or () in durations:
        raise ValueError(f"{row['memory_mb']} MB has not as many billed durations as measured ones")
    if any(not 0 < sample < float("inf") for samples in (*durations, *billed) for sample in samples):
        raise ValueError(f"{row['memory_mb']} MB has a duration that is no positive number")
    failures = {str(name): int(count) for name, count in row["failures"].items()}
    if not durations and not failures:
        raise ValueError(f"{row['memory_mb']} MB has neither a warm invocation nor a failed one")
    return SizeSamples(
        int(row["memory_mb"]), durations, billed, int(row["max_memory_used_mb"]), failures, int(row["disturbed_count"])
    )


def write_grids(path: Path, grids: Iterable[ExampleGrid]) -> None:
    """Replace the file as a whole, so that an interrupted measurement leaves the last whole one."""
    part = path.with_name(f"{path.name}.part")
    part.write_text("".join(json.dumps(asdict(grid)) + "\n" for grid in grids), encoding="utf-8")
    part.replace(path)
