"""Live progress of a run on standard error: a moving line on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Column

STATE_MEANINGS = {
    "Plan": "reads the function, writes down how to undo everything",
    "CopyCode": "copies the code, so that the function is never touched",
    "Suggest": "decides which memory sizes to try next",
    "CreateClones": "makes a temporary copy of the function at each of them",
    "Measure": "invokes the copies and reads how long each one took",
    "Recommend": "chooses the cheapest size that meets the goal",
    "Restore": "removes the copies, checks that the function is as it was",
    "Report": "writes the report",
    "ExplainFailure": "words what went wrong",
    "RestoreAfterFailure": "removes the copies",
    "ReportFailure": "writes down what is known",
}


class Display:
    """Shows a run's progress; also when nobody can see it move."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last_round: object = None
        self._states_shown: dict[str, int] = {}
        self._progress: Progress | None = None
        if console.is_terminal:
            self._progress = Progress(
                SpinnerColumn(),
                TimeElapsedColumn(),
                # One column that is cut at its end: what matters least stands last.
                TextColumn("{task.description}", table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")),
                console=console,
                transient=True,
                expand=True,
                # Few: the machine that draws is the machine that measures.
                refresh_per_second=4,
            )
            self._task = self._progress.add_task("starting")

    def __enter__(self) -> Display:
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def update(self, progress: Mapping[str, Any]) -> None:
        """Show what the run wrote about itself (``progress.json``)."""
        line = progress_line(progress)
        if self._progress is not None:
            self._progress.update(self._task, description=escape(line))
        elif progress.get("round") and progress["round"] != self._last_round:
            # Sizes of a round are measured side by side: a line for each change would only flicker.
            self._last_round = progress["round"]
            self._console.print(f"  {line}", markup=False, soft_wrap=True)

    def entered(self, state: str) -> None:
        """Explain a state when it is first entered; the loop enters some many times."""
        self._states_shown[state] = count = self._states_shown.get(state, 0) + 1
        if state in STATE_MEANINGS and count == 1:
            self._console.print(f"  [bold]{escape(state):<14}[/bold] {escape(STATE_MEANINGS[state])}")

    def say(self, text: str) -> None:
        """Show a sentence that stays above the moving line."""
        self._console.print(text, markup=False)


def progress_line(progress: Mapping[str, Any]) -> str:
    """Word ``progress.json``: round, size, invocations, dollars, and the best size so far."""
    parts: list[str] = []
    if progress.get("round"):
        parts.append(f"round {progress['round']}")
    if progress.get("memoryMb"):
        parts.append(f"{progress['memoryMb']:,} MB")
    if not parts:
        parts.append(str(progress.get("message") or progress.get("state") or "starting"))
    if progress.get("maxInvocations"):
        parts.append(f"{progress.get('invocations') or 0} of at most {progress['maxInvocations']} invocations")
    if progress.get("spentUsd"):
        parts.append(f"${float(progress['spentUsd']):.6f}")
    best = progress.get("best")
    if isinstance(best, Mapping) and best.get("memoryMb"):
        known = f"best so far {best['memoryMb']:,} MB"
        if best.get("p95Ms") is not None:
            known += f", p95 {float(best['p95Ms']):.0f} ms"
        elif best.get("slowestMs") is not None:
            known += f", slowest {float(best['slowestMs']):.0f} ms"
        if best.get("costPerMillionUsd") is not None:
            known += f", ${float(best['costPerMillionUsd']):.2f} a million"
        parts.append(known)
    return " · ".join(parts)
