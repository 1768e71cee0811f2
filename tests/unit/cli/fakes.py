"""A run that follows a script, behind the seam that following has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tuner.cli.runs import ExecutionStatus
from tuner.core.errors import TunerError

RUNNING = ExecutionStatus("RUNNING")


@dataclass
class ScriptedRuns:
    """Answers status by status; the last one is repeated."""

    statuses: list[ExecutionStatus]
    progresses: list[dict[str, Any]] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    restore_statuses: list[ExecutionStatus] = field(default_factory=lambda: [ExecutionStatus("SUCCEEDED")])
    failures: list[TunerError] = field(default_factory=list)
    progress_failure: TunerError | None = None
    asked_to_end: int = 0
    stopped: int = 0
    restores: int = 0
    on_status: Callable[[int], None] = lambda _: None
    questions: int = 0
    ended: bool = False

    def status(self, run_id: str) -> ExecutionStatus:
        """The next status of the script."""
        self.questions += 1
        self.on_status(self.questions)
        if self.failures:
            raise self.failures.pop(0)
        if self.stopped:
            return ExecutionStatus("ABORTED")
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]

    def account_has_ended(self) -> bool:
        """As the script says."""
        return self.ended

    def progress(self, run_id: str) -> dict[str, Any] | None:
        """The next progress of the script."""
        if self.progress_failure:
            raise self.progress_failure
        return self.progresses.pop(0) if self.progresses else None

    def entered_states(self, run_id: str, after: int) -> tuple[list[str], int]:
        """One state more with each question."""
        return self.states[after : self.questions], min(self.questions, len(self.states))

    def ask_to_end(self, run_id: str) -> None:
        """Count it."""
        self.asked_to_end += 1

    def stop(self, run_id: str) -> None:
        """Count it."""
        self.stopped += 1

    def start_restore(self, run_id: str) -> str:
        """Count it."""
        self.restores += 1
        return "arn:restore"

    def restore_status(self, restore_execution_arn: str) -> ExecutionStatus:
        """The next status of the restore's script."""
        if len(self.restore_statuses) > 1:
            return self.restore_statuses.pop(0)
        return self.restore_statuses[0]


@dataclass
class RecordingSink:
    """Keeps what was shown."""

    updates: list[Mapping[str, Any]] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)

    def update(self, progress: Mapping[str, Any]) -> None:
        """Keep it."""
        self.updates.append(progress)

    def entered(self, state: str) -> None:
        """Keep it."""
        self.states.append(state)

    def say(self, text: str) -> None:
        """Keep it."""
        self.sentences.append(text)
