"""What is shown below each size's numbers: cold starts, memory, payloads, architectures, unmeasured invocations."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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

    configuration: doc.Configuration
    count: int
    initialisation: Cell
    longest: str


@dataclass(frozen=True, slots=True)
class MemoryRow:
    """The most memory that was used at one size, and how much of it that leaves."""

    name: str
    configuration: doc.Configuration
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

    configuration: doc.Configuration
    duration: Cell
    cost: Cell
    samples: int


def failure_place(document: doc.Document) -> FailurePlace | None:
    """Where the last failed invocation failed; ``None`` if none failed or nothing is known of it."""
    asked = bool((document.get("request") or {}).get("includeLogTail"))
    for row in reversed(document.get("observations") or []):
        place = FailurePlace(tuple(row.get("errorFrames") or ()), tuple(row.get("logTail") or ()) if asked else ())
        if place.frames or place.log_lines:
            return place
    return None


def cold_starts(document: doc.Document) -> list[ColdStartRow]:
    """Each size at which a cold start was seen."""
    rows = []
    for index, configuration in enumerate(document.get("configurations") or []):
        seen_ms = [
            row["initMs"]
            for row in document.get("observations") or []
            if row.get("cold") and row.get("initMs") is not None and doc.same_configuration(row, configuration)
        ]
        if seen_ms:
            rows.append(
                ColdStartRow(
                    configuration,
                    len(seen_ms),
                    cold_start_cell(configuration, f"configurations.{index}"),
                    formats.milliseconds(max(seen_ms)),
                )
            )
    return rows


def memory_headroom(document: doc.Document) -> list[MemoryRow]:
    """Today's and the recommended size with the most memory that was used there; empty where none is known."""
    rows = []
    same = doc.same_configuration(document.get("current"), document.get("recommended"))
    for which, word in (("current", doc.current_word(document)), ("recommended", doc.pick_word(document))):
        configuration = document.get(which)
        if not configuration or (same and which == "current"):
            continue
        used_mb = configuration.get("maxMemoryUsedMb")
        if used_mb is None:
            used, free = UNKNOWN, formats.MISSING
        else:
            used = Cell(formats.megabytes(used_mb), path=f"{which}.maxMemoryUsedMb", value=used_mb)
            free = formats.percent(max(0.0, 1 - used_mb / configuration["memoryMb"]))
        rows.append(MemoryRow(word, configuration, used, free))
    return rows if any(row.used is not UNKNOWN for row in rows) else []


def payload_shares(document: doc.Document) -> list[PayloadRow]:
    """Each payload of a weighted mix; empty where there is one payload only."""
    by_payload: dict[int, list[Mapping[str, Any]]] = {}
    for row in document.get("observations") or []:
        by_payload.setdefault(int(row.get("payloadIndex") or 0), []).append(row)
    if len(by_payload) < 2:
        return []
    weights = _weights(document)
    total = sum(weights.values())
    rows = []
    for index, observed in sorted(by_payload.items()):
        warm_ms = [row["durationMs"] for row in observed if not row.get("cold") and row.get("durationMs") is not None]
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


def _weights(document: doc.Document) -> dict[int, float]:
    """The weights of the request's payloads; the payloads themselves are for no reader of the report."""
    payload = (document.get("request") or {}).get("payload")
    if not isinstance(payload, list):
        return {}
    return {
        index: float(entry["weight"])
        for index, entry in enumerate(payload)
        if isinstance(entry, Mapping) and isinstance(entry.get("weight"), (int, float))
    }


def architectures(document: doc.Document) -> list[ArchitectureRow]:
    """The recommended memory size on each architecture; empty where only one was looked at."""
    recommended = document.get("recommended")
    if not recommended or len(doc.architectures_of(document)) < 2:
        return []
    currency = document.get("currency") or "USD"
    key = doc.latency_key(document)
    return [
        ArchitectureRow(
            row,
            duration_cell(row, key, f"configurations.{index}"),
            cost_cell(row, f"configurations.{index}", currency),
            int(row.get("samples") or 0),
        )
        for index, row in enumerate(document.get("configurations") or [])
        if row["memoryMb"] == recommended["memoryMb"]
    ]


def unmeasured(document: doc.Document) -> list[Mapping[str, Any]]:
    """Invocations that ran and left no trustworthy record: counted, shown, never a duration of 0 ms."""
    return [row for row in document.get("observations") or [] if row.get("outcome") == "unmeasured"]
