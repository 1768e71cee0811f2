"""The nightly digest: a row for each function, largest savings first, failed and skipped ones with their reason."""

from __future__ import annotations

from dataclasses import dataclass

from tuner.core.answer.night import Night, TunedFunction
from tuner.core.answer.verdicts import Tone, facts_of
from tuner.core.foreign_text import visible
from tuner.report import formats
from tuner.report.page import environment

MOST_REASON_CHARACTERS = 400


@dataclass(frozen=True, slots=True)
class DigestRow:
    """One function of the night, as the table shows it."""

    name: str
    verdict: str
    tone: Tone
    now: str = formats.MISSING
    decision: str = formats.MISSING
    saving: str = formats.MISSING
    sure: str = formats.MISSING
    spent: str = formats.MISSING
    reason: str = ""


def render_digest_html(night: Night) -> str:
    """The digest as one self-contained page: no script, no request, everything escaped."""
    spent_usd = sum(each.spent_usd or 0.0 for each in night.tuned)
    return visible(
        environment()
        .get_template("digest.html.jinja")
        .render(
            rows=digest_rows(night),
            headline=_headline(night),
            day=night.started_at[:10],
            execution_name=night.execution_name,
            spent=formats.money(spent_usd),
        )
    )


def digest_rows(night: Night) -> list[DigestRow]:
    """Rows in the order of what deserves attention: changes, largest savings first, the rest, failures, skipped."""
    tuned = sorted(night.tuned, key=lambda each: (not each.changes, -(each.saving_ratio or 0.0)))
    return [
        *(_tuned_row(each) for each in tuned),
        *(DigestRow(each.name, f"failed: {each.error_name}", "bad", reason=_cut(each.reason)) for each in night.failed),
        *(DigestRow(each.name, "skipped", "neutral", reason=each.reason) for each in night.skipped),
    ]


def _headline(night: Night) -> str:
    if not (night.tuned or night.failed or night.skipped):
        return "No function is enabled: give one the tag lambda-tuner=enabled."
    changes = sum(each.changes for each in night.tuned)
    missing = sum(each.ending == "GOAL_NOT_MET" for each in night.tuned)
    parts = [f"{formats.count(len(night.tuned), 'function')} tuned"]
    parts.append(f"{changes} to change" if changes else "none to change")
    if missing:
        parts.append(f"{missing} {'misses its' if missing == 1 else 'miss their'} goal at every size")
    if night.failed:
        parts.append(f"{len(night.failed)} failed")
    if night.skipped:
        parts.append(f"{len(night.skipped)} skipped")
    return ", ".join(parts) + "."


def _size(memory_mb: int | None) -> str:
    return formats.MISSING if memory_mb is None else formats.megabytes(memory_mb)


def _tuned_row(each: TunedFunction) -> DigestRow:
    facts = None if each.ending is None else facts_of(each.ending)
    saving, spent_usd, missing = each.saving_ratio, each.spent_usd, formats.MISSING
    sure = missing
    if facts is not None and facts.certain_of and each.confidence is not None:
        sure = f"{formats.probability(each.confidence)} {facts.certain_of}"
    return DigestRow(
        name=each.name,
        verdict="" if facts is None else facts.in_digest,
        tone="neutral" if facts is None else facts.tone,
        now=_size(each.current_memory_mb),
        decision=f"change to {_size(each.memory_mb)}" if each.changes else "keep",
        saving=missing if saving is None or not each.changes else formats.change(saving),
        sure=sure,
        spent=missing if spent_usd is None else formats.money(spent_usd),
    )


def _cut(reason: str) -> str:
    return reason if len(reason) <= MOST_REASON_CHARACTERS else reason[: MOST_REASON_CHARACTERS - 1] + "…"
