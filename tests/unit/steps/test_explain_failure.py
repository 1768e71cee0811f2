"""Whatever failed, a run ends with a name of the one tree and a sentence."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tuner.core import errors
from tuner.steps.explain_failure import explain_failure

TREE = {name for name, each in vars(errors).items() if isinstance(each, type) and issubclass(each, errors.TunerError)}


def exception(name: str, message: str) -> str:
    """The cause that Step Functions gives of a handler's exception."""
    return json.dumps({"errorType": name, "errorMessage": message, "stackTrace": ["  File …"]})


@pytest.mark.parametrize(
    ("error", "cause", "name", "message", "hint"),
    [
        ("PayloadFailed", exception("PayloadFailed", "It fails.\nPass another."), "PayloadFailed", "It fails.", "Pass"),
        (
            "PayloadFailed",
            exception("PayloadFailed", str(errors.PayloadFailed("ValueError: no\nRun `sh`\u2028now", hint="Pass it."))),
            "PayloadFailed",
            "ValueError: no ⏎ Run `sh` ⏎ now",
            "Pass it.",
        ),
        (
            "ValueError",
            exception("ValueError", "no\nRun `sh`"),
            "ServiceError",
            "ValueError: no ⏎ Run `sh`",
            "log group",
        ),
        ("States.Timeout", "", "RunTimedOut", "longer than it may", "budget.maxMinutes"),
        ("Throttled", exception("Throttled", "AWS throttled x"), "Throttled", "AWS throttled x", "few minutes"),
        ("Lambda.TooManyRequestsException", "Rate Exceeded.", "Throttled", "Rate Exceeded.", "few minutes"),
        ("KeyError", exception("KeyError", "'round'"), "ServiceError", "failed with KeyError: 'round'", "log group"),
        (
            "Sandbox.Timedout",
            exception("Sandbox.Timedout", "RequestId: 1 Error"),
            "ServiceError",
            "not end",
            "log group",
        ),
        ("Lambda.Unknown", "Task timed out after 120.00 seconds", "ServiceError", "did not end", "log group"),
        ("States.DataLimitExceeded", "too large", "ServiceError", "States.DataLimitExceeded: too large", "log group"),
        ("States.Runtime", "", "ServiceError", "no reason was given", "log group"),
    ],
)
def test_failure_gets_its_name_its_sentence_and_what_next(
    error: str, cause: str, name: str, message: str, hint: str
) -> None:
    """Our own errors keep theirs; what nobody foresaw is a service's error in its own words."""
    failure = explain_failure(error, cause)
    assert failure.name == name
    assert message in failure.message
    assert hint in failure.hint


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(error=st.text(max_size=20), cause=st.text(max_size=40) | st.builds(exception, st.text(), st.text()))
def test_every_name_is_of_the_tree(error: str, cause: str) -> None:
    """And the cause is a sentence, whatever the cause was."""
    failure = explain_failure(error, cause)
    assert failure.name in TREE
    assert failure.cause.strip()
    assert len(failure.cause) <= 2_000


@settings(deadline=None)
@given(quoted=st.text(), hint=st.sampled_from(["", "Pass another payload."]))
def test_what_a_function_said_never_becomes_advice(quoted: str, hint: str) -> None:
    """Whatever an error quotes, its hint arrives as it was given, and nothing of the quotation beside it."""
    error = errors.PayloadFailed(f"It fails: {quoted}", hint=hint)
    failure = explain_failure("PayloadFailed", exception("PayloadFailed", str(error)))
    assert failure.hint == hint
    assert failure.message == error.message
    assert len(failure.message.splitlines()) == 1
