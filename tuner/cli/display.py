"""Live progress of a run on standard error: a moving line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Column

from tuner.report import formats

STATE_MEANINGS = {
    "Plan": "reads the function, and records how to undo everything",
    "CopyCode": "copies the code, so that the function itself is never touched",
    "Suggest": "decides which memory sizes to try next",
    "CreateClones": "makes a clone of the function at each of them",
    "Measure": "invokes the clones and reads how long each one took",
    "Recommend": "chooses the cheapest size that meets the goal",
    "Restore": "removes the clones, and checks that the function is unchanged",
    "Report": "writes the report",
    "ExplainFailure": "describes what went wrong",
    "RestoreAfterFailure": "removes the clones",
    "ReportFailure": "records what is known",
}
_PHASES = {
    "Plan": "reading the function",
    "Suggest": "choosing memory sizes",
    "Recommend": "choosing the answer",
    "Report": "writing the report",
}
"""What the run does while it does not measure."""

_QUIET_S = 10.0
"""If nothing can move, the longest time without a line, if there is something new to say."""


class Display:
    """Shows a run's progress; also when nobody can see it move."""

    def __init__(self, console: Console, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._last_round: object = None
        self._last_line = ""
        self._last_line_s = clock()
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
        elif line != self._last_line and (
            # Sizes of a round are measured side by side: a line for each change would only flicker.
            (progress.get("round") != self._last_round and progress.get("state") != "Suggest")
            or self._clock() - self._last_line_s >= _QUIET_S
        ):
            self._last_round, self._last_line, self._last_line_s = progress.get("round"), line, self._clock()
            self._console.print(f"  {line}", markup=False, soft_wrap=True)

    def entered(self, state: str) -> None:
        """Explain a state when it is first entered; the loop enters some many times."""
        self._states_shown[state] = count = self._states_shown.get(state, 0) + 1
        if state in STATE_MEANINGS and count == 1:
            self._console.print(f"  [bold]{escape(state):<14}[/bold] {escape(STATE_MEANINGS[state])}", markup=True)

    def say(self, text: str) -> None:
        """Show a sentence that stays above the moving line."""
        self._console.print(text, markup=False, soft_wrap=False)


def progress_line(progress: Mapping[str, Any]) -> str:
    """Word ``progress.json``: the best size so far, what was used, and what the run does now.

    Example:
        >>> progress_line({"round": 2, "memoryMb": 128, "invocations": 7, "maxInvocations": 50, "spentUsd": 0.00012})
        '7 of 50 invocations, $0.00012 · measuring 128 MB, round 2'
    """
    parts: list[str] = []
    if best := progress.get("best"):
        parts.append(
            f"best so far {formats.megabytes(best['memoryMb'])}, slowest {formats.milliseconds(best['slowestMs'])}, "
            f"{formats.money(best['costPerMillionUsd'])} a million"
        )
    if progress.get("invocations") and progress.get("maxInvocations"):
        used = f"{progress['invocations']:,} of {progress['maxInvocations']:,} invocations"
        spent_usd = float(progress.get("spentUsd") or 0)
        parts.append(used + (f", {formats.money(spent_usd)}" if spent_usd else ""))
    phase = _PHASES.get(str(progress.get("state")))
    if phase is None and progress.get("memoryMb"):
        phase = f"measuring {formats.megabytes(progress['memoryMb'])}, round {progress.get('round')}"
    parts.append(phase or "starting")
    return " · ".join(parts)
