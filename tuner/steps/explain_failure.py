"""ExplainFailure: a failed state's error, worded for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tuner.aws.artifacts import RunArtifacts
from tuner.core.codec import to_json
from tuner.steps.run import FAILURE

_CAUSE_CHARACTERS = 2_000


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a run failed: an error name of ``tuner.core.errors``, a sentence, and what to do next."""

    name: str
    message: str
    hint: str = ""

    @property
    def cause(self) -> str:
        """The sentence that the execution's ``Cause`` shows."""
        text = f"{self.message} {self.hint}".strip()
        return text if len(text) <= _CAUSE_CHARACTERS else text[: _CAUSE_CHARACTERS - 1] + "…"


def explain_failure(error: str, cause: str) -> Failure:
    """Word a caught error of the state machine.

    Args:
        error: The error's name, as Step Functions caught it.
        cause: Its cause: for a handler's exception a JSON text with
            ``errorType`` and ``errorMessage`` (our errors put the hint on the
            second line), else a sentence or nothing.
    """
    if error == "States.Timeout":
        return Failure(
            "RunTimedOut",
            "A step of the run took longer than it may.",
            "Start again; if it happens again, lower budget.maxMinutes or the function's time-out.",
        )
    fields = _fields(cause)
    name = str(fields.get("errorType") or error.removeprefix("Lambda."))
    message, _, hint = str(fields.get("errorMessage") or cause or "no reason was given").partition("\n")
    if (
        name in {"Sandbox.Timedout", "Runtime.ExitError", "Runtime.OutOfMemory", "Unknown"}
        or "Task timed out" in message
    ):
        return Failure(
            "ServiceError",
            f"A step of Lambda Tuner itself did not end: {message}",
            "Its log group holds the details; start again, or report it if it happens again.",
        )
    return Failure(name, message, hint)


def record_failure(artifacts: RunArtifacts, failure: Failure) -> None:
    """Keep the failure for the report; the first one is the reason, later ones follow from it."""
    if artifacts.find(FAILURE) is None:
        artifacts.write(FAILURE, to_json(failure))


def _fields(cause: str) -> Mapping[str, Any]:
    try:
        value = json.loads(cause)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
