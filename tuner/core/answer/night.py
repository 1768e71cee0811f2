"""What became of a night's functions: what the nightly state machine knows of each, as values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tuner.core.answer.verdicts import Ending, ending_named


@dataclass(frozen=True, slots=True, kw_only=True)
class TunedFunction:
    """A function whose run ended with an answer; what the run did not say is ``None``."""

    name: str
    ending: Ending | None
    changes: bool = False
    """Whether the night's decision is to change its memory size."""
    memory_mb: int | None = None
    """What was recommended."""
    current_memory_mb: int | None = None
    saving_ratio: float | None = None
    confidence: float | None = None
    spent_usd: float | None = None


@dataclass(frozen=True, slots=True)
class UntunedFunction:
    """A function without an answer: its run failed or could not be started, or it was skipped."""

    name: str
    reason: str
    error_name: str = ""


@dataclass(frozen=True, slots=True)
class Night:
    """One night, each function in the order of the state machine."""

    execution_name: str
    started_at: str
    """ISO 8601."""
    tuned: tuple[TunedFunction, ...]
    failed: tuple[UntunedFunction, ...]
    skipped: tuple[UntunedFunction, ...]


def read_night(
    execution_name: str, started_at: str, results: Sequence[Mapping[str, Any]], skipped: Sequence[Mapping[str, Any]]
) -> Night:
    """Read what ``nightly.asl.json`` collects: how each run ended, and why functions were skipped.

    *started_at* is ISO 8601; *results* are rows of its state TuneOne and of those that note a failure;
    *skipped* are ``functionArn`` and ``reason``.
    """
    return Night(
        execution_name,
        started_at,
        tuple(
            TunedFunction(
                name=_name(row),
                ending=ending_named(row.get("verdict")),
                changes=row.get("decision") == "change",
                memory_mb=row.get("memoryMb"),
                current_memory_mb=row.get("currentMemoryMb"),
                saving_ratio=row.get("savingRatio"),
                confidence=row.get("confidence"),
                spent_usd=row.get("spentUsd"),
            )
            for row in results
            if not row.get("error")
        ),
        tuple(
            UntunedFunction(_name(row), " ".join(str(row.get("cause") or "").split()), str(row["error"]))
            for row in results
            if row.get("error")
        ),
        tuple(UntunedFunction(_name(row), str(row.get("reason") or "")) for row in skipped),
    )


def _name(row: Mapping[str, Any]) -> str:
    """The function's name of its ARN, or what else it is called."""
    text = str(row.get("functionArn") or row.get("functionName") or row.get("name") or "unknown function")
    parts = text.split(":")
    return ":".join(parts[6:]) if len(parts) >= 7 else text
