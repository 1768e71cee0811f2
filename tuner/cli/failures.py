"""How the command ends: exit codes, and every expected error as what, where and what next."""

from __future__ import annotations

import functools
import sys
import traceback
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec

import typer

from tuner.core.answer.verdicts import facts_of
from tuner.core.errors import InvalidRequest, RunNotFound, TunerError
from tuner.core.foreign_text import json_text, visible

if TYPE_CHECKING:
    from tuner.core.answer.report import RunReport

Arguments = ParamSpec("Arguments")

EXIT_OK = 0
EXIT_USAGE = 2
EXIT_FAILED = 4
EXIT_CHEAPER = 10
EXIT_MISSES_GOAL = 11
EXIT_COST_LIMIT = 12
EXIT_INTERRUPTED = 130

EXIT_CODES_HELP = (
    "Exit codes: 0 goal met, or none asked · 2 usage or invalid request · 3 no size meets the goal · "
    "4 the run failed or could not start · 5 uncertain at the end of the budget · 130 Ctrl-C."
)

CHECK_CODES_HELP = (
    "Also for check: 10 a cheaper size exists · 11 today's size misses the goal, another meets it · "
    "12 today's size costs more than --max-cost-per-million."
)

debug_requested: ContextVar[bool] = ContextVar("debug_requested", default=False)
"""Whether the user wants to see tracebacks (``--debug``, anywhere)."""


class UsageProblem(TunerError):
    """What was typed cannot be done; nothing was started."""


class NotDeployed(TunerError):
    """The application is not in this account and Region."""


class CredentialsRefused(TunerError):
    """AWS does not accept the credentials that were found."""


class SetupFailed(TunerError):
    """The user's script that prepares the embedded AWS failed."""


class HandlerNotImported(TunerError):
    """The handler's module cannot be imported; nothing was invoked."""


class NotConfirmed(TunerError):
    """The user has not agreed to what the command would do."""


class PatchRefused(TunerError):
    """A template is not changed: it is not sure what, or that nothing else would be."""


_USAGE_NAMES = frozenset(
    kind.__name__ for kind in (InvalidRequest, RunNotFound, UsageProblem, NotConfirmed, PatchRefused)
)

_LABELLED_ERROR = frozenset(kind.__name__ for kind in TunerError.__subclasses__() if kind.__module__ == __name__)
"""Errors of the command itself; the others' names are those that state machines show."""


def exit_code_of_run(report: RunReport) -> int:
    """The command's exit code for how a run ended."""
    from tuner.core.answer.report import Failure

    if isinstance(report, Failure):
        return exit_code_of_error(report.error.name)
    return facts_of(report.verdict).exit_code


def exit_code_of_error(error_name: str) -> int:
    """The command's exit code for an error's name."""
    return EXIT_USAGE if error_name in _USAGE_NAMES else EXIT_FAILED


def failure_document(run_id: str | None, name: str, message: str, hint: str) -> dict[str, Any]:
    """What ``--json`` prints if there is no result."""
    return {"runId": run_id, "error": {"name": name, "message": message, "hint": hint}}


def print_json(document: Mapping[str, Any]) -> None:
    """Write a document to standard output, where ``--json`` promises nothing else."""
    sys.stdout.write(json_text(document, indent=2) + "\n")
    sys.stdout.flush()


def show_error(name: str, message: str, hint: str) -> None:
    """Write an error to standard error for a person to read."""
    from tuner.cli.console import error_console

    console = error_console()
    label = "Error" if name in _LABELLED_ERROR else name
    console.print(visible(label), style="bold red", end=": ")
    console.print(visible(message))
    if hint:
        console.print(visible(hint))


def show_failure(run_id: str | None, name: str, message: str, hint: str, *, json_output: bool) -> int:
    """Show an error the way that was asked for and return the exit code."""
    if json_output:
        print_json(failure_document(run_id, name, message, hint))
    show_error(name, message, hint)
    return exit_code_of_error(name)


def expected_errors(command: Callable[Arguments, None]) -> Callable[Arguments, None]:
    """Turn a command's errors into sentences and exit codes.

    Expected errors (the core's own, and AWS's answers) never show a
    traceback; unexpected ones say how to see it and where to report it.
    """

    @functools.wraps(command)
    def run(*args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        json_output = bool(kwargs.get("json_output"))
        try:
            command(*args, **kwargs)
        except TunerError as error:
            _show_traceback_if_asked()
            raise typer.Exit(
                show_failure(None, error.name, error.message, error.hint, json_output=json_output)
            ) from error
        except KeyboardInterrupt as error:
            show_error("Interrupted", "Nothing was started, or what was started has been undone.", "")
            raise typer.Exit(EXIT_INTERRUPTED) from error
        except (typer.Exit, typer.BadParameter, BrokenPipeError):  # the reader left (`| head`): typer ends quietly, 1
            raise
        except typer.Abort as error:  # Ctrl-C at a question
            show_error("Interrupted", "Nothing was started.", "")
            raise typer.Exit(EXIT_INTERRUPTED) from error
        except Exception as error:  # noqa: BLE001 - the last stop: a sentence, and the traceback on request
            _end_unexpectedly(error, json_output=json_output)

    return run


def _end_unexpectedly(error: Exception, *, json_output: bool) -> NoReturn:
    sentence, hint = explained(error)
    _show_traceback_if_asked()
    raise typer.Exit(show_failure(None, type(error).__name__, sentence, hint, json_output=json_output)) from error


def explained(error: Exception) -> tuple[str, str]:
    """Sentence and hint of an error of boto3 that is about the user's set-up; others are faults of this product."""
    name, text = type(error).__name__, str(error)
    module = type(error).__module__.split(".", 1)[0]
    if module == "botocore":
        if name in {
            "NoCredentialsError",
            "PartialCredentialsError",
            "ProfileNotFound",
            "SSOTokenLoadError",
            "TokenRetrievalError",
            "UnauthorizedSSOTokenError",
        }:
            return (
                f"There are no usable AWS credentials: {text}.",
                "Log in (`aws sso login`, or `aws configure`), name a profile with --profile, "
                "or try it without an account: `lambda-tuner demo`.",
            )
        if name == "NoRegionError":
            return "No AWS Region is set.", "Name one with --region, or set AWS_REGION."
        return (f"The call to AWS failed: {text}.", "Check the network and the Region; --debug shows more.")
    return (
        f"This should not have happened: {text or name}.",
        "Please report it with the traceback that the same command shows with --debug.",
    )


def _show_traceback_if_asked() -> None:
    if debug_requested.get():
        traceback.print_exc()
