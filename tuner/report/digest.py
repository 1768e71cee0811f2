"""The nightly digest: a row for each function, largest savings first, failed and skipped ones with their reason."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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
    recommended: str
    saving: str
    confidence: str
    spent: str
    reason: str = ""


def render_digest_json(digest: Mapping[str, Any]) -> str:
    """The digest as JSON text.

    Args:
        digest: ``executionName``, ``startedAt``, ``functions`` (tuned ones
            with ``functionArn``, ``verdict``, ``memoryMb``, ``currentMemoryMb``,
            ``savingRatio``, ``confidence``, ``spentUsd``, ``runId``; failed
            ones with ``functionName``, ``error``, ``cause``) and ``skipped``
            (``functionArn``, ``reason``).
    """
    return json.dumps(digest, indent=2, ensure_ascii=False) + "\n"


def render_digest_html(digest: Mapping[str, Any]) -> str:
    """The digest as one self-contained page: no script, no request, everything escaped.

    Args:
        digest: As for :func:`render_digest_json`.
    """
    rows = digest_rows(digest)
    functions = digest.get("functions") or []
    failed = sum(1 for row in functions if row.get("error"))
    smaller = sum(1 for row in functions if _saves(row))
    return (
        environment()
        .get_template("digest.html.jinja")
        .render(
            rows=rows,
            headline=_headline(len(functions), failed, smaller, len(digest.get("skipped") or [])),
            day=str(digest.get("startedAt") or "")[:10],
            execution_name=str(digest.get("executionName") or ""),
            spent=formats.money(sum(float(row.get("spentUsd") or 0) for row in functions)),
        )
    )


def digest_rows(digest: Mapping[str, Any]) -> list[DigestRow]:
    """Rows in the order of what deserves attention: savings, the rest, failures, skipped functions."""
    functions: Sequence[Mapping[str, Any]] = digest.get("functions") or []
    tuned = sorted(
        (row for row in functions if not row.get("error")), key=lambda row: -float(row.get("savingRatio") or 0)
    )
    failed = [row for row in functions if row.get("error")]
    return [
        *(_tuned_row(row) for row in tuned),
        *(_failed_row(row) for row in failed),
        *(_skipped_row(row) for row in digest.get("skipped") or []),
    ]


def _saves(row: Mapping[str, Any]) -> bool:
    return row.get("verdict") in ("GOAL_MET", "NO_GOAL") and float(row.get("savingRatio") or 0) >= 0.005


def _headline(count: int, failed: int, smaller: int, skipped: int) -> str:
    if not count and not skipped:
        return "No function is enabled: give one the tag lambda-tuner=enabled."
    parts = [f"{formats.count(count - failed, 'function')} tuned"]
    parts.append(f"{smaller} can be cheaper" if smaller else "none can be cheaper")
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
    saving, confidence, spent = row.get("savingRatio"), row.get("confidence"), row.get("spentUsd")
    verdict = str(row.get("verdict") or "")
    same = row.get("memoryMb") == row.get("currentMemoryMb")
    return DigestRow(
        name=_name(row.get("functionArn") or row.get("functionName")),
        verdict=VERDICT_WORDS.get(verdict, verdict),
        tone=TONES.get(verdict, "neutral"),
        now=_size(row.get("currentMemoryMb")),
        recommended="as it is" if same else _size(row.get("memoryMb")),
        saving=formats.MISSING if saving is None or same else formats.change(float(saving)),
        confidence=formats.MISSING if confidence is None else formats.probability(float(confidence)),
        spent=formats.MISSING if spent is None else formats.money(float(spent)),
    )


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
