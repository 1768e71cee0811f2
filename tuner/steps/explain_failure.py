"""ExplainFailure: a failed state's error, worded for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tuner.aws.artifacts import RunArtifacts
from tuner.core import errors
from tuner.core.codec import to_json
from tuner.core.errors import ErrorFacts
from tuner.core.foreign_text import one_line
from tuner.core.run.bucket_layout import FAILURE

_OURS = frozenset(
    name for name, each in vars(errors).items() if isinstance(each, type) and issubclass(each, errors.TunerError)
)
_THROTTLES = frozenset({"Throttled", "Lambda.TooManyRequestsException", "TooManyRequestsException"})
_ENDED = frozenset({"Sandbox.Timedout", "Runtime.ExitError", "Runtime.OutOfMemory", "Lambda.Unknown", "Unknown"})
_LOGS_HINT = "Its log group holds the details; start again, or report it if it happens again."


def explain_failure(error: str, cause: str) -> ErrorFacts:
    """Word a caught error of the state machine.

    *cause* is for a handler's exception a JSON text with ``errorType`` and ``errorMessage`` (our errors put the hint
    after the first line, the others are one text), else a sentence or nothing.

    Returns:
        A failure whose name is always one of ``tuner.core.errors``.
    """
    if error == "States.Timeout":
        return ErrorFacts(
            "RunTimedOut",
            "A step of the run took longer than it may.",
            "Start again; if it happens again, lower budget.maxMinutes or the function's timeout.",
        )
    fields = _fields(cause)
    name = one_line(str(fields.get("errorType") or error))
    text = str(fields.get("errorMessage") or cause or "no reason was given")
    message, _, hint = text.partition("\n") if name in _OURS else (text, "", "")
    message = one_line(message)
    if name in _THROTTLES:
        return ErrorFacts("Throttled", message, hint or "AWS kept asking to slow down. Start again in a few minutes.")
    if name in _OURS:
        return ErrorFacts(name, message, hint)
    # Nothing that a user can act on by its name: it keeps its words, and gets a name of the tree.
    if name in _ENDED or "Task timed out" in message:
        return ErrorFacts("ServiceError", f"A step of Lambda Tuner itself did not end: {message}", _LOGS_HINT)
    return ErrorFacts("ServiceError", f"A step of Lambda Tuner itself failed with {name}: {message}", _LOGS_HINT)


def record_failure(artifacts: RunArtifacts, failure: ErrorFacts) -> None:
    """Keep the failure for the report; the first one is the reason, later ones follow from it."""
    if artifacts.find(FAILURE) is None:
        artifacts.write(FAILURE, to_json(failure))


def _fields(cause: str) -> Mapping[str, Any]:
    try:
        value = json.loads(cause)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
