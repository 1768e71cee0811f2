"""Raw durations of a real function as the truth of a replay, and their file."""

from __future__ import annotations

import gzip
import itertools
import json
import math
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from bench.curves import FloatArray
from bench.truth import Environment, Timing, Truth

_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class RecordedTruth:
    """A function as its durations tell it."""

    name: str
    memory_mb: tuple[int, ...]
    seen_ms: tuple[tuple[FloatArray, ...], ...]
    """For each size the durations of each environment, in order."""
    drift: float = 0.0

    @cached_property
    def mean_ms(self) -> FloatArray:
        """Over all invocations of a size."""
        return np.array([np.concatenate(seen).mean() for seen in self.seen_ms])

    def percentile_ms(self, percentile: float) -> FloatArray:
        """Over all invocations of a size."""
        return np.array([np.percentile(np.concatenate(seen), percentile) for seen in self.seen_ms])

    def environment(self, index: int, generator: np.random.Generator) -> Environment:
        """One of the size's environments, read on from a random place and from its beginning after its end."""
        seen_ms = self.seen_ms[index][generator.integers(len(self.seen_ms[index]))]
        timings = itertools.cycle([Timing(ms) for ms in np.roll(seen_ms, -generator.integers(len(seen_ms))).tolist()])
        return timings.__next__


def read_recorded(path: Path, sizes_mb: Sequence[int] | None = None) -> RecordedTruth:
    """Read JSON lines, gzipped or not: ``{"m": MB, "b": environment, "ms": [durations in order]}``.

    Args:
        path: The file; several lines of one size and environment are read as one.
        sizes_mb: The sizes to keep; None keeps all.

    Raises:
        OSError: The file cannot be read.
        ValueError: A line is no such object, or the file has fewer than two sizes, or not all of *sizes_mb*;
            names the file, and the line.
    """
    seen: dict[int, dict[str, list[float]]] = {}
    for number, line in enumerate(_lines(path), start=1):
        if line.strip():
            memory_mb, environment, durations_ms = _record(line, f"{path}:{number}")
            seen.setdefault(memory_mb, {}).setdefault(environment, []).extend(durations_ms)
    if not seen:
        raise ValueError(f"{path} has no durations")
    unknown = sorted(set(sizes_mb or ()) - set(seen))
    if unknown:
        raise ValueError(f"{path} has no durations at {_list(unknown)} MB, but at {_list(sorted(seen))} MB")
    chosen = sorted(set(sizes_mb) if sizes_mb is not None else seen)
    if len(chosen) < 2:
        raise ValueError(f"{path}: a search needs at least two memory sizes, and this is {_list(chosen)} MB alone")
    return RecordedTruth(
        path.name, tuple(chosen), tuple(tuple(map(np.array, seen[memory_mb].values())) for memory_mb in chosen)
    )


def _lines(path: Path) -> Iterator[str]:
    content = path.read_bytes()
    try:
        text = (gzip.decompress(content) if content.startswith(_GZIP) else content).decode()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path} is no complete gzip file: {error}") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ValueError(f"{path}:{line} is not UTF-8") from error
    return iter(text.split("\n"))


def _record(line: str, where: str) -> tuple[int, str, list[float]]:
    try:
        record: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where} is not JSON: {error}") from error
    missing = [key for key in ("m", "b", "ms") if not isinstance(record, dict) or key not in record]
    if missing:
        raise ValueError(f'{where} is not {{"m": MB, "b": environment, "ms": [durations]}}: no {_list(missing)}')
    memory_mb, durations_ms = record["m"], record["ms"]
    if type(memory_mb) is not int or not 128 <= memory_mb <= 10_240:
        raise ValueError(f'{where}: "m" is a memory size from 128 to 10240 MB, not {json.dumps(memory_mb)}')
    if not isinstance(durations_ms, list) or not durations_ms:
        raise ValueError(f'{where}: "ms" is a list of at least one duration')
    for duration_ms in durations_ms:
        if type(duration_ms) not in (int, float) or not 0 < duration_ms < math.inf:
            raise ValueError(f"{where}: a duration is a number above 0, not {json.dumps(duration_ms)}")
    return memory_mb, json.dumps(record["b"]), [float(duration_ms) for duration_ms in durations_ms]


def _list(values: Sequence[object]) -> str:
    return ", ".join(map(str, values))


def write_recorded(path: Path, truth: Truth, *, environments: int, invocations: int, seed: int) -> None:
    """Write what a truth answers, as such a file; gzipped where its name ends with ``.gz``."""
    generator = np.random.default_rng(seed)
    lines = []
    for index, memory_mb in enumerate(truth.memory_mb):
        for number in range(environments):
            invoke = truth.environment(index, generator)
            durations_ms = [round(invoke().duration_ms, 2) for _ in range(invocations)]
            lines.append(json.dumps({"m": memory_mb, "b": number, "ms": durations_ms}) + "\n")
    content = "".join(lines).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
