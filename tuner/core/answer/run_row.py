"""A row of the list of runs: what is kept of each run where listing reads no large object."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from tuner.core.answer.report import Answer, Failure, RunReport

UNKNOWN_TIME = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run; what the run did not get to, or an earlier version did not keep, is ``None``."""

    run_id: str
    function_arn: str | None = None
    where: str | None = None
    started_at: str | None = None
    finished_at: str | None = None
    verdict: str | None = None
    error: str | None = None
    """The error's name."""
    memory_mb: int | None = None
    """What was recommended."""
    current_memory_mb: int | None = None
    saving_ratio: float | None = None
    decision: str | None = None
    """``keep`` or ``change``."""

    @property
    def ended(self) -> datetime:
        """When the run ended; the beginning of time where the row does not say."""
        try:
            moment = datetime.fromisoformat(self.finished_at or "")
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except (ValueError, OverflowError):
            return UNKNOWN_TIME

    @property
    def function(self) -> str:
        """The function's name, empty if the run ended before it was known."""
        parts = (self.function_arn or "").split(":")
        return parts[6] if len(parts) > 6 else parts[0]

    @property
    def result(self) -> str:
        """The verdict, or the name of the error."""
        return self.verdict or self.error or ""


def row_of(report: RunReport) -> RunRow:
    """The row of a run."""
    answer = report if isinstance(report, Answer) else None
    current = answer and answer.current
    return RunRow(
        report.run_id,
        report.function_arn,
        report.where,
        report.started_at,
        report.finished_at,
        None if isinstance(report, Failure) else report.verdict,
        report.error.name if isinstance(report, Failure) else None,
        answer.recommended.candidate.memory_mb if answer else None,
        current.candidate.memory_mb if current else None,
        answer.saving_ratio if answer else None,
        answer.decision.action if answer and answer.decision else None,
    )
