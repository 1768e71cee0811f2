"""Follow a run to its end: live progress, and Ctrl-C that never leaves anything behind."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from tuner.core.errors import REPORT_LINE, PermissionDenied, TunerError

if TYPE_CHECKING:
    from tuner.cli.runs import ExecutionStatus, Runs

_RESTORE_WAIT_S = 300
_MOST_FAILED_QUESTIONS = 20


class EmbeddedAwsEnded(TunerError):
    """The embedded AWS ended before the run did."""


class ProgressSink(Protocol):
    """Where progress is shown: ``tuner.cli.display.Display``, and the tests' own."""

    def update(self, progress: Mapping[str, Any]) -> None:
        """Show what the run wrote about itself."""

    def entered(self, state: str) -> None:
        """Show that the execution entered a state."""

    def say(self, text: str) -> None:
        """Show a sentence that stays."""


@dataclass
class Interrupts:
    """How often the user asked to end, and a wait that such a wish cuts short."""

    count: int = 0
    _woken: threading.Event = field(default_factory=threading.Event)

    def interrupt(self) -> None:
        """Take note of one Ctrl-C."""
        self.count += 1
        self._woken.set()

    def wait(self, seconds: float) -> None:
        """Wait, but no longer than until the next Ctrl-C."""
        if self._woken.wait(seconds):
            self._woken.clear()


@contextmanager
def caught_interrupts() -> Iterator[Interrupts]:
    """Count SIGINT and SIGTERM instead of dying of them, until the block ends."""
    interrupts = Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, lambda *_: interrupts.interrupt())
    try:
        yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass(frozen=True, slots=True)
class RunEnd:
    """How a run ended, and whether the user ended it."""

    status: ExecutionStatus
    interrupted: bool


def follow(
    runs: Runs,
    run_id: str,
    sink: ProgressSink,
    interrupts: Interrupts,
    *,
    poll_s: float,
    show_states: bool = False,
    clock: Callable[[], float] = time.monotonic,
) -> RunEnd:
    """Follow an execution until it has ended.

    The first Ctrl-C asks the run to end by itself; the second stops the execution and starts ``restore``; the third
    leaves at once, with what the run made left to the sweeper, and says so.
    """
    answered = 0
    observer = _Observer(runs, run_id, sink, show_states=show_states)
    while True:
        status = observer.look()
        if status is None:
            interrupts.wait(poll_s)
            continue
        if status.ended:
            return RunEnd(status, interrupted=answered > 0)
        if interrupts.count > answered:
            answered += 1
            if answered == 1:
                runs.ask_to_end(run_id)
                sink.say(
                    "Asked the run to end: it will finish its current step, remove what it made, and report. "
                    "Press Ctrl-C again to stop it at once."
                )
            else:
                return _stop_and_restore(runs, run_id, sink, interrupts, poll_s=poll_s, clock=clock)
        interrupts.wait(poll_s)


@dataclass
class _Observer:
    """Asks about a run; an answer that fails to come ends neither the run nor, at once, the following."""

    runs: Runs
    run_id: str
    sink: ProgressSink
    show_states: bool
    show_progress: bool = True
    last_event: int = 0
    failed_in_a_row: int = 0

    def look(self) -> ExecutionStatus | None:
        """Show what is new; ``None`` if the question failed and may be asked again.

        Raises:
            EmbeddedAwsEnded: The embedded AWS is gone.
            TunerError: It failed too often, or asking again cannot help.
        """
        try:
            status = self.runs.status(self.run_id)
        except TunerError as error:
            self.failed_in_a_row += 1
            if self.runs.account_has_ended():
                raise EmbeddedAwsEnded(
                    f"The embedded AWS has ended, and the run {self.run_id} with it: it was stopped, or killed "
                    "(by the handler, or for want of memory).",
                    hint=f"Start it again. What the run knew: lambda-tuner report {self.run_id}.",
                ) from error
            if isinstance(error, PermissionDenied) or self.failed_in_a_row >= _MOST_FAILED_QUESTIONS:
                raise type(error)(
                    error.message, hint=f"The run {self.run_id} continues without this command. {error.hint}".strip()
                ) from error
            if self.failed_in_a_row == 1:
                self.sink.say(f"{error.message} Asking again.")
            return None
        self.failed_in_a_row = 0
        if self.show_progress:
            try:
                self._show_progress()
            except TunerError as error:
                self.show_progress = False
                self.sink.say(f"No live progress: {error.message}")
        return status

    def _show_progress(self) -> None:
        if self.show_states:
            entered, self.last_event = self.runs.entered_states(self.run_id, self.last_event)
            for state in entered:
                self.sink.entered(state)
        if progress := self.runs.progress(self.run_id):
            self.sink.update(progress)


def _stop_and_restore(
    runs: Runs,
    run_id: str,
    sink: ProgressSink,
    interrupts: Interrupts,
    *,
    poll_s: float,
    clock: Callable[[], float],
) -> RunEnd:
    runs.stop(run_id)
    sink.say("Stopped the execution; removing what it made.")
    seen = interrupts.count
    restore_arn = runs.start_restore(run_id)
    give_up_at = clock() + _RESTORE_WAIT_S
    while clock() < give_up_at and interrupts.count == seen:
        try:
            restored = runs.restore_status(restore_arn)
        except TunerError as error:
            sink.say(f"Could not check whether it is done: {error.message}")
            break
        if restored.ended:
            if restored.state == "SUCCEEDED":
                sink.say("Everything that the run made has been removed.")
            else:
                why = (restored.cause or restored.error_name or "no reason given").partition(REPORT_LINE)[0]
                sink.say(
                    f"The removal ended as {restored.state}: {why.rstrip('.')}. "
                    "The sweeper tries again on its schedule and before the next run."
                )
            return RunEnd(runs.status(run_id), interrupted=True)
        interrupts.wait(poll_s)
    sink.say("Left before the removal was done; it continues by itself, and the sweeper checks it on its schedule.")
    return RunEnd(runs.status(run_id), interrupted=True)
