"""What is shown below each size's numbers: cold starts, memory, payloads, architectures, unmeasured invocations."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from tuner.core.answer.recommendation import ConfigurationEstimate
from tuner.core.answer.report import Answer, InvocationRow, KnownRun
from tuner.core.model import Candidate, Invocation
from tuner.report import document as doc
from tuner.report import formats
from tuner.report.tables import UNKNOWN, Cell, cold_start_cell, cost_cell, duration_cell


@dataclass(frozen=True, slots=True)
class FailurePlace:
    """Where the function's own code failed last."""

    frames: tuple[str, ...]
    """``file:line`` of each frame of its traceback, the call that failed last."""
    log_lines: tuple[str, ...]
    """The end of its log; empty unless the request asked for it."""


@dataclass(frozen=True, slots=True)
class ColdStartRow:
    """Cold starts at one size."""

    configuration: ConfigurationEstimate
    count: int
    initialisation: Cell
    longest: str


@dataclass(frozen=True, slots=True)
class MemoryRow:
    """The most memory that was used at one size, and how much of it that leaves."""

    name: str
    configuration: ConfigurationEstimate
    used: Cell
    free: str


@dataclass(frozen=True, slots=True)
class PayloadRow:
    """The invocations with one payload of the mix."""

    number: int
    weight: str
    count: int
    mean: str
    longest: str


@dataclass(frozen=True, slots=True)
class ArchitectureRow:
    """One architecture at the recommended memory size."""

    configuration: ConfigurationEstimate
    duration: Cell
    cost: Cell
    samples: int


def failure_place(report: KnownRun) -> FailurePlace | None:
    """Where the last failed invocation failed; ``None`` if none failed or nothing is known of it."""
    asked = bool(report.request.get("includeLogTail"))
    for row in reversed(report.observations):
        place = FailurePlace(row.invocation.error_frames, row.invocation.log_tail if asked else ())
        if place.frames or place.log_lines:
            return place
    return None


def cold_starts(report: Answer) -> list[ColdStartRow]:
    """Each size at which a cold start was seen."""
    seen_ms: dict[Candidate, list[float]] = {}
    for row in report.observations:
        if row.invocation.cold and row.invocation.init_ms is not None:
            seen_ms.setdefault(row.candidate, []).append(row.invocation.init_ms)
    return [
        ColdStartRow(
            configuration,
            len(seen_ms[configuration.candidate]),
            cold_start_cell(configuration, f"configurations.{index}"),
            formats.milliseconds(max(seen_ms[configuration.candidate])),
        )
        for index, configuration in enumerate(report.configurations)
        if configuration.candidate in seen_ms
    ]


def memory_headroom(report: Answer) -> list[MemoryRow]:
    """Today's and the recommended size with the most memory that was used there; empty if none is known."""
    rows = []
    same = doc.same(report.current, report.recommended)
    words: dict[doc.Role, str] = {"current": doc.current_word(report), "recommended": doc.pick_word(report)}
    for role, word in words.items():
        configuration = doc.named(report, role)
        if configuration is None or (same and role == "current"):
            continue
        used_mb = configuration.max_memory_used_mb
        if used_mb is None:
            used, free = UNKNOWN, formats.MISSING
        else:
            used = Cell(formats.megabytes(used_mb), path=f"{role}.maxMemoryUsedMb", value=used_mb)
            free = formats.percent(max(0.0, 1 - used_mb / configuration.candidate.memory_mb))
        rows.append(MemoryRow(word, configuration, used, free))
    return rows if any(row.used is not UNKNOWN for row in rows) else []


def payload_shares(report: KnownRun) -> list[PayloadRow]:
    """Each payload of a weighted mix; empty if there is one payload only."""
    by_payload: dict[int, list[Invocation]] = {}
    for row in report.observations:
        by_payload.setdefault(row.invocation.payload_index, []).append(row.invocation)
    if len(by_payload) < 2:
        return []
    weights = _weights(report)
    total = sum(weights.values())
    rows = []
    for index, observed in sorted(by_payload.items()):
        warm_ms = [row.duration_ms for row in observed if not row.cold and row.duration_ms is not None]
        weight = weights.get(index)
        rows.append(
            PayloadRow(
                index + 1,
                formats.percent(weight / total) if weight is not None and total else formats.MISSING,
                len(observed),
                formats.milliseconds(math.fsum(warm_ms) / len(warm_ms)) if warm_ms else formats.MISSING,
                formats.milliseconds(max(warm_ms)) if warm_ms else formats.MISSING,
            )
        )
    return rows


def _weights(report: KnownRun) -> dict[int, float]:
    """The weights of the request's payloads; the payloads themselves are for no reader of the report."""
    payload = report.request.get("payload")
    if not isinstance(payload, list):
        return {}
    return {
        index: float(entry["weight"])
        for index, entry in enumerate(payload)
        if isinstance(entry, Mapping) and isinstance(entry.get("weight"), (int, float))
    }


def architectures(report: Answer) -> list[ArchitectureRow]:
    """The recommended memory size on each architecture; empty if only one was looked at."""
    currency, key = doc.currency_of(report), doc.latency_key(report)
    pick = report.recommended.candidate
    rows = [
        ArchitectureRow(
            row,
            duration_cell(row, key, f"configurations.{index}"),
            cost_cell(row, f"configurations.{index}", currency),
            row.samples,
        )
        for index, row in enumerate(report.configurations)
        if replace(row.candidate, architecture=pick.architecture) == pick
    ]
    return rows if len(rows) > 1 else []


def unmeasured(report: KnownRun) -> list[InvocationRow]:
    """Invocations that ran and left no trustworthy record: counted, shown, never a duration of 0 ms."""
    return [row for row in report.observations if row.invocation.outcome == "unmeasured"]
