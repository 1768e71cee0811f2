"""The advice about a failing function follows the kind of its error."""

from __future__ import annotations

import pytest

from tuner.core.answer.advice import advise
from tuner.core.model import Invocation, Outcome

NOT_FOUND = "An error occurred (ResourceNotFoundException) when calling the GetItem operation: not found"


@pytest.mark.parametrize(
    ("outcome", "error_type", "message", "says"),
    [
        ("out_of_memory", "Runtime.ExitError", "Error: Runtime exited with error: signal: killed", "more memory"),
        ("timeout", "Sandbox.Timedout", "Task timed out after 3.00 seconds", "longer timeout"),
        ("function_error", "Runtime.ImportModuleError", "Unable to import module 'app'", "module is missing"),
        ("function_error", "ModuleNotFoundError", "No module named 'numpy'", "module is missing"),
        ("function_error", "Error", "Cannot find module 'sharp'", "module is missing"),
        ("function_error", "KeyError", "'TABLE_NAME'", "environment variable"),
        ("function_error", "ResourceNotFoundException", NOT_FOUND, "is not there"),
        ("function_error", "NoSuchBucket", "The specified bucket does not exist", "is not there"),
        ("function_error", "Runtime.ExitError", "Runtime exited with error: exit status 1", "ended by itself"),
        ("function_error", "KeyError", "'id'", "Pass a payload"),
        ("function_error", "ValueError", "Order\n'TABLE' is wrong", "Pass a payload"),
    ],
)
@pytest.mark.parametrize("local", [True, False])
def test_advice_fits_the_kind_of_error(outcome: Outcome, error_type: str, message: str, says: str, local: bool) -> None:
    """Module, variable, table, memory and time each have their own; the rest is the payload's."""
    failure = Invocation("r", outcome, cold=True, error_type=error_type, error_message=message)
    assert says in advise(failure, local=local)


def test_flags_are_named_only_where_they_exist() -> None:
    """``--python`` and ``--env`` are of this machine; in an account the function's configuration is."""
    for error_type, message, flag in (
        ("ModuleNotFoundError", "No module named 'x'", "--python"),
        ("KeyError", "'TABLE'", "--env"),
    ):
        failure = Invocation("r", "function_error", cold=True, error_type=error_type, error_message=message)
        assert flag in advise(failure, local=True)
        assert flag not in advise(failure, local=False)


def test_boto3_is_known_to_be_the_runtimes() -> None:
    """A Python without boto3 lacks what Lambda has; a module of the function's own may lie above the code root."""
    for module, says in (("boto3", "Lambda's Python has boto3"), ("src", "--code-root"), ("boto3_stubs", "--python")):
        message = f"Unable to import module 'app': No module named '{module}'"
        failure = Invocation("r", "function_error", True, error_type="Runtime.ImportModuleError", error_message=message)
        assert says in advise(failure, local=True)
        assert "boto3" not in advise(failure, local=False)


def test_before_there_is_an_event_no_payload_helps() -> None:
    """What fails at import lacks a variable, or does not start; the payload is not to blame."""
    for error_type, message, says in (
        ("KeyError", "'TABLE_NAME'", "An environment variable is missing"),
        ("ValueError", "bad setting", "did not start"),
        ("ResourceNotFoundException", NOT_FOUND, "--setup seed.py"),
    ):
        failure = Invocation("", "function_error", cold=True, error_type=error_type, error_message=message)
        advice = advise(failure, local=True, at_import=True)
        assert says in advice
        assert "payload" not in advice
