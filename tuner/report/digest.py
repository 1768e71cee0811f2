"""The nightly digest: a row for each function, largest savings first, failed and skipped ones with their reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tuner.core.foreign_text import visible
from tuner.report import formats
from tuner.report.html import environment

VERDICT_WORDS = {
    "GOAL_MET": "goal met",
    "GOAL_NOT_MET": "goal not met",
    "UNCERTAIN": "uncertain",
    "NO_GOAL": "cheapest",
    "DRY_RUN": "dry run",
}
TONES = {"GOAL_MET": "good", "NO_GOAL": "good", "UNCERTAIN": "caution", "GOAL_NOT_MET": "bad"}
MOST_REASON_CHARACTERS = 400


@dataclass(frozen=True, slots=True)
class DigestRow:
    """One function of the night, as the table shows it."""

    name: str
    verdict: str
    tone: str
    now: str
    decision: str
    saving: str
    sure: str
    spent: str
    reason: str = ""


def render_digest_html(digest: Mapping[str, Any]) -> str:
    """The digest as one self-contained page: no script, no request, everything escaped.

    Args:
        digest: ``executionName``, ``startedAt``, ``functions`` (tuned ones
            with ``functionArn``, ``verdict``, ``memoryMb``, ``currentMemoryMb``,
            ``savingRatio``, ``decision``, ``confidence``, ``spentUsd``, ``runId``; failed
            ones with ``functionName``, ``error``, ``cause``) and ``skipped``
            (``functionArn``, ``reason``).
    """
    rows = digest_rows(digest)
    functions = digest.get("functions") or []
    failed = sum(1 for row in functions if row.get("error"))
    changes = sum(1 for row in functions if _changes(row))
    missing = sum(1 for row in functions if row.get("verdict") == "GOAL_NOT_MET")
    return visible(
        environment()
        .get_template("digest.html.jinja")
        .render(
            rows=rows,
            headline=_headline(len(functions), failed, changes, missing, len(digest.get("skipped") or [])),
            day=str(digest.get("startedAt") or "")[:10],
            execution_name=str(digest.get("executionName") or ""),
            spent=formats.money(sum(float(row.get("spentUsd") or 0) for row in functions)),
        )
    )


def digest_rows(digest: Mapping[str, Any]) -> list[DigestRow]:
    """Rows in the order of what deserves attention: changes, largest savings first, the rest, failures, skipped."""
    functions: Sequence[Mapping[str, Any]] = digest.get("functions") or []
    tuned = sorted(
        (row for row in functions if not row.get("error")),
        key=lambda row: (not _changes(row), -float(row.get("savingRatio") or 0)),
    )
    failed = [row for row in functions if row.get("error")]
    return [
        *(_tuned_row(row) for row in tuned),
        *(_failed_row(row) for row in failed),
        *(_skipped_row(row) for row in digest.get("skipped") or []),
    ]


def _changes(row: Mapping[str, Any]) -> bool:
    """Whether the decision of the night is to change the function's size."""
    return not row.get("error") and row.get("decision") == "change"


def _headline(count: int, failed: int, changes: int, missing: int, skipped: int) -> str:
    if not count and not skipped:
        return "No function is enabled: give one the tag lambda-tuner=enabled."
    parts = [f"{formats.count(count - failed, 'function')} tuned"]
    parts.append(f"{changes} to change" if changes else "none to change")
    if missing:
        parts.append(f"{missing} {'misses its' if missing == 1 else 'miss their'} goal at every size")
    if failed:
        parts.append(f"{failed} failed")
    if skipped:
        parts.append(f"{skipped} skipped")
    return ", ".join(parts) + "."


def _name(text: object) -> str:
    """The function's name of an ARN, or the text itself."""
    parts = str(text or "").split(":")
    return ":".join(parts[6:]) if len(parts) >= 7 else str(text or "unknown function")


def _size(memory_mb: object) -> str:
    return formats.megabytes(float(memory_mb)) if isinstance(memory_mb, int | float) else formats.MISSING


def _tuned_row(row: Mapping[str, Any]) -> DigestRow:
    saving, spent = row.get("savingRatio"), row.get("spentUsd")
    verdict = str(row.get("verdict") or "")
    changes = _changes(row)
    return DigestRow(
        name=_name(row.get("functionArn") or row.get("functionName")),
        verdict=VERDICT_WORDS.get(verdict, verdict),
        tone=TONES.get(verdict, "neutral"),
        now=_size(row.get("currentMemoryMb")),
        decision=f"change to {_size(row.get('memoryMb'))}" if changes else "keep",
        saving=formats.MISSING if saving is None or not changes else formats.change(float(saving)),
        sure=_sure(verdict, row.get("confidence")),
        spent=formats.MISSING if spent is None else formats.money(float(spent)),
    )


def _sure(verdict: str, confidence: object) -> str:
    """How probable the verdict is, and that it is the verdict's; an uncertain one is none."""
    words = {"GOAL_MET": "that the goal is met", "GOAL_NOT_MET": "that no size meets it", "NO_GOAL": "that it is best"}
    if verdict not in words or not isinstance(confidence, int | float):
        return formats.MISSING
    return f"{formats.probability(float(confidence))} {words[verdict]}"


def _failed_row(row: Mapping[str, Any]) -> DigestRow:
    error = row["error"]
    name, cause = (error.get("name"), error.get("message")) if isinstance(error, Mapping) else (error, row.get("cause"))
    reason = " ".join(str(cause or "").split())
    if len(reason) > MOST_REASON_CHARACTERS:
        reason = reason[: MOST_REASON_CHARACTERS - 1] + "…"
    who = _name(row.get("functionArn") or row.get("functionName") or row.get("name"))
    missing = formats.MISSING
    return DigestRow(who, f"failed: {name}", "bad", missing, missing, missing, missing, missing, reason)


def _skipped_row(row: Mapping[str, Any]) -> DigestRow:
    missing = formats.MISSING
    who = _name(row.get("functionArn") or row.get("functionName"))
    return DigestRow(
        who, "skipped", "neutral", missing, missing, missing, missing, missing, str(row.get("reason") or "")
    )
