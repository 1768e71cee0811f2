"""Every error that a user can meet, in one tree.

The class name is the error name in the state machines (Lambda reports a
handler's exception by it), so ``Retry`` and ``Catch`` name these classes and
a test compares the two.

::

    TunerError
    ├── InvalidRequest            the execution's input; lists every problem at once
    ├── FunctionNotFound          no such function in this account and Region
    ├── FunctionNotTunable        exists, but cannot be measured; says why
    ├── PermissionDenied          names action, resource and role
    ├── PriceUnknown              no price for this Region and architecture
    ├── PayloadFailed             the function fails at its current size
    ├── ProcessorFailed           the function that runs before or after each invocation failed
    ├── NothingMeasured           no size gave a usable duration
    ├── TooManyUnmeasured         too many invocations left no report
    ├── RunInterrupted            ended on request before there was an answer
    ├── RunAborted                the execution was stopped from outside
    ├── RunTimedOut               the execution passed its time limit
    ├── CloneFailed               the temporary function did not become active
    ├── CodeGone                  the copied package expired or was removed
    ├── RestoreIncomplete         something of ours could not be removed
    ├── RunNotFound               no artifacts under this run id
    ├── ServiceError              an AWS call failed for a reason not foreseen
    └── RetryableError
        ├── Throttled             AWS asked to slow down
        ├── CloneNotReady         a temporary function is still being made, or cannot be invoked yet
        ├── BatchUnfinished       a batch takes longer than one task may
        └── ChangedMeanwhile      another execution changed the same object

A verdict is not an error: an unreachable goal is the result ``GOAL_NOT_MET``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tuner.core.foreign_text import one_line

REPORT_LINE = "\nReport: "
"""Stands between the cause of a failed execution and the address of its report."""
_CAUSE_CHARACTERS = 2_000


@dataclass(frozen=True, slots=True)
class ErrorFacts:
    """Why a run failed: the name of one of the errors below, a sentence, and what to do next."""

    name: str
    message: str
    hint: str = ""

    @property
    def cause(self) -> str:
        """The sentence that the execution's ``Cause`` shows."""
        text = f"{self.message} {self.hint}".strip()
        return text if len(text) <= _CAUSE_CHARACTERS else text[: _CAUSE_CHARACTERS - 1] + "…"


class TunerError(Exception):
    """An error with a sentence of what and where, and a hint of what next.

    ``str(error)`` is the message and, from the second line on, the hint: this
    is what travels through the state machine as ``errorMessage``. A message may
    quote what a function or AWS said, so it is made one line: nothing that is
    quoted can become a hint. A hint is ours, and quotes nobody.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        self.message = one_line(message)
        self.hint = hint
        super().__init__(f"{self.message}\n{hint}" if hint else self.message)

    @property
    def name(self) -> str:
        """The error name that users and state machines see."""
        return type(self).__name__


class InvalidRequest(TunerError):
    """The execution's input cannot be used. Lists every problem in one answer."""

    def __init__(self, problems: Sequence[str], *, hint: str = "") -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        head = "The request has a problem: " if count == 1 else f"The request has {count} problems: "
        super().__init__(
            head + "; ".join(self.problems) + ".",
            hint=hint or "Correct the input and start again; docs/request.md lists every field.",
        )


class FunctionNotFound(TunerError):
    """No such function, version or alias in this account and Region."""


class FunctionNotTunable(TunerError):
    """The function exists but cannot be measured; the message names the reason."""


class PermissionDenied(TunerError):
    """AWS refused a call; names the action, the resource and the role."""


class PriceUnknown(TunerError):
    """No price is known for this Region and architecture."""


class PayloadFailed(TunerError):
    """The function fails with this payload at its current memory size."""


class ProcessorFailed(TunerError):
    """The function that the request has run before or after each invocation failed."""


class NothingMeasured(TunerError):
    """No memory size gave a usable duration."""


class TooManyUnmeasured(TunerError):
    """Too many invocations left no REPORT record to trust the rest."""


class RunInterrupted(TunerError):
    """The user asked the run to end before there was an answer."""


class RunAborted(TunerError):
    """The execution was stopped from outside."""


class RunTimedOut(TunerError):
    """The execution, or one of its steps, passed its time limit."""


class CloneFailed(TunerError):
    """A temporary function could not be made or did not become active."""


class CodeGone(TunerError):
    """The copied package is no longer in the bucket: the state machine goes back to CopyCode."""


class RestoreIncomplete(TunerError):
    """Something that the run made could not be removed, or the target changed."""


class RunNotFound(TunerError):
    """There are no artifacts under this run id."""


class ServiceError(TunerError):
    """An AWS call failed for a reason that was not foreseen."""


class RetryableError(TunerError):
    """The same call may succeed later; state machines retry these by name."""


class Throttled(RetryableError):
    """AWS asked to slow down, and for how many seconds, if it said so."""

    def __init__(self, message: str, *, hint: str = "", retry_after_s: float | None = None) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message, hint=hint)


class CloneNotReady(RetryableError):
    """A temporary function is still being made, or Lambda cannot invoke a function yet.

    ``lasting`` is the error that it becomes if a minute of waiting does not
    help, since AWS uses one code for both.
    """

    def __init__(self, message: str, *, hint: str = "", lasting: TunerError | None = None) -> None:
        self.lasting = lasting
        super().__init__(message, hint=hint)


class BatchUnfinished(RetryableError):
    """There is more of a batch than one task has time for; the next one goes on."""


class ChangedMeanwhile(RetryableError):
    """Another execution changed an object between our reading and writing it, such as the study of two runs."""
