"""Start a run, follow it, and show what came out: the way that ``tune``, ``try`` and ``demo`` share."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from tuner.cli.account import Account
from tuner.cli.check import CHECKED, Checked, Finding, checked_run, exit_code_of, tell_github
from tuner.cli.console import confirm, error_console, result_console
from tuner.cli.display import Display
from tuner.cli.failures import EXIT_INTERRUPTED, EXIT_OK, UsageProblem, exit_code_of_run, print_json, show_failure
from tuner.cli.follow import RunEnd, caught_interrupts, follow
from tuner.cli.reading import decoded_report
from tuner.cli.runs import Runs, new_run_id
from tuner.core.answer.report import RunReport
from tuner.core.errors import REPORT_LINE, PayloadFailed
from tuner.core.foreign_text import visible
from tuner.core.run.bucket_layout import COMMAND, REPORT_FILES, run_key

_POLL_S = {"local": 1.0, "aws": 2.0}
"""On this machine every question takes CPU time from what is being measured."""
_LARGE_OBJECT_BYTES = 1_000_000
"""More than a run's largest object usually has."""
_MARKDOWN = REPORT_FILES["markdown"]


@dataclass(frozen=True, slots=True)
class Presentation:
    """How a run is shown."""

    out: Path | None = None
    json_output: bool = False
    show_states: bool = False
    quiet: bool = False
    """Only the verdict in one sentence, and errors."""
    command: str | None = None
    """The command line that does the run again, if it is not ``tune`` with the request."""
    tried: Mapping[str, str] | None = None
    """The ``template`` and the ``logicalId`` that the handler was found by, for ``patch``."""
    judge: Callable[[RunReport], list[Finding]] | None = None
    """What else the exit code depends on."""


def confirm_side_effects(function: str, request: Mapping[str, Any], account_name: str, *, yes: bool) -> None:
    """Say what the run may do at most and ask, as long as nobody has agreed yet.

    Raises:
        NotConfirmed: The user said no, or there is no terminal to ask on.
    """
    if request.get("dryRun") or yes:
        return
    from tuner.core.request.parsing import parse_request

    budget = parse_request(request).budget
    sentence = (
        f"This run may invoke clones of {function} in {account_name} "
        f"up to {budget.max_invocations:,} times. "
        "Each invocation has the function's real side effects: what it writes, sends or orders, it does again. "
        f"At most ${budget.max_cost_usd:,.2f} and {budget.max_minutes:g} minutes."
    )
    confirm(sentence, "Start it?", or_else=", or look first with --dry-run")


def prepare_out(out: Path | None) -> None:
    """Make the folder of ``--out`` before the run, so that its answer is not lost.

    Raises:
        UsageProblem: The folder cannot be made or written to.
    """
    if out is None:
        return
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe = out / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UsageProblem(
            f"--out {out} cannot be written to: {error.strerror}.", hint="Name a folder that you can write to."
        ) from error


def execute(
    account: Account,
    function: str,
    request: Mapping[str, Any],
    presentation: Presentation,
    *,
    bucket_folder: Path | None = None,
) -> int:
    """Run to the end and give the command's exit code; on the embedded AWS its bucket is a folder as well."""
    runs, run_id, end = run_to_its_end(account, function, request, presentation)
    return show_end(runs, run_id, end, presentation, bucket_folder=bucket_folder)


def run_to_its_end(
    account: Account, function: str, request: Mapping[str, Any], presentation: Presentation
) -> tuple[Runs, str, RunEnd]:
    """Start a run and follow it; gives the account's runs, its id, and how it ended."""
    runs = Runs(account)
    run_id = new_run_id(function, datetime.now().astimezone())
    console = error_console(quiet=presentation.quiet)
    with caught_interrupts() as interrupts:
        if presentation.command is not None:
            started = {"command": presentation.command, "tried": presentation.tried}
            runs.artifacts.write_json(run_key(run_id, COMMAND), started)
        runs.start(run_id, request)
        console.print(
            f"Started run {run_id}: an execution of the state machine {account.stack}-tune in {account.name}."
        )
        with Display(console) as display:
            end = follow(
                runs, run_id, display, interrupts, poll_s=_POLL_S[account.where], show_states=presentation.show_states
            )
    return runs, run_id, end


def show_end(
    runs: Runs, run_id: str, end: RunEnd, presentation: Presentation, *, bucket_folder: Path | None = None
) -> int:
    """Show a run's result or its failure, and give the exit code."""
    output = end.status.output
    if output is None:
        name, message, hint = failure_of(runs, run_id, end, bucket_folder=bucket_folder)
        code = show_failure(run_id, name, message, hint, json_output=presentation.json_output)
        if name == PayloadFailed.__name__:
            show_log_tail(runs.report(run_id))
        checked = Checked(runs.report_file(run_id, _MARKDOWN), [("error", f"{name}: {message} {hint}".strip())])
    else:
        report = decoded_report(output, run_id)
        if presentation.judge is not None or not presentation.json_output:
            report = runs.report(run_id) or report
        findings = presentation.judge(report) if presentation.judge else []
        code = exit_code_of(exit_code_of_run(report), findings)
        if presentation.json_output:
            print_json(output if presentation.judge is None else {**output, "check": check_fields(code, findings)})
        checked = checked_run(report, findings, code)
    files = report_files(runs, run_id, presentation, bucket_folder=bucket_folder)
    aside = error_console(quiet=presentation.quiet)
    if output is not None and not presentation.json_output:
        show_result(replace(report, report=files), quiet=presentation.quiet)
        if report.request.get("includeLogTail"):
            show_log_tail(report)
        for finding in findings:
            result_console().print(finding.sentence, style="bold yellow", soft_wrap=True)
        if presentation.judge is not None and code == EXIT_OK:
            aside.print(f"Checked. {CHECKED}", style="green")
    elif files:
        place = files.get("console") or files.get("html") or files["json"]
        aside.print(f"Report: {place}")
    if files and presentation.out is None and bucket_folder is None:
        aside.print(f"Copy it here: lambda-tuner report {run_id} --out DIR {runs.account.flags}")
    if presentation.judge is not None:
        if presentation.out is not None and checked.markdown is not None:
            (presentation.out / _MARKDOWN).write_bytes(checked.markdown)
        tell_github(checked, title=f"Lambda Tuner, run {run_id}")
    return EXIT_INTERRUPTED if end.interrupted else code


def failure_of(runs: Runs, run_id: str, end: RunEnd, *, bucket_folder: Path | None = None) -> tuple[str, str, str]:
    """Name, message and hint of a run that did not succeed."""
    if bucket_folder is not None and (problem := _write_problem(bucket_folder / "runs" / run_id)):
        return (
            "ServiceError",
            f"The run failed because the folder {bucket_folder} cannot be written to: {problem}.",
            "Free some space, or set LAMBDA_TUNER_HOME to another folder of your own; then start it again.",
        )
    if end.status.state == "TIMED_OUT":
        return (
            "RunTimedOut",
            "The execution passed its time limit; what it made is being removed.",
            "Start again with a larger --max-minutes, or with fewer --max-invocations.",
        )
    if end.status.state in {"ABORTED", "RUNNING"}:
        return (
            "RunAborted",
            "The execution was stopped before there was an answer; what it made is removed.",
            f"`lambda-tuner report {run_id}` shows what it knew.",
        )
    written = runs.failure(run_id)
    name = end.status.error_name or "ServiceError"
    if written is not None and written.get("name") == name:
        return name, str(written.get("message") or ""), str(written.get("hint") or "")
    return name, (end.status.cause or "The execution failed and gave no reason.").partition(REPORT_LINE)[0], ""


def _write_problem(folder: Path) -> str | None:
    """Why the store does not take what a run writes; ``None``: it does."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(bytes(_LARGE_OBJECT_BYTES))
    except OSError as error:
        return error.strerror
    return None


def check_fields(code: int, findings: list[Finding]) -> dict[str, Any]:
    """What ``check --json`` adds to the execution's output."""
    found = [{"exitCode": finding.code, "message": finding.sentence} for finding in findings]
    return {"exitCode": code, "findings": found}


def show_log_tail(report: RunReport | None) -> None:
    """Print what the failing invocation logged, as far as the run kept it."""
    tails = [row.invocation.log_tail for row in report.observations if row.invocation.log_tail] if report else []
    if tails:
        console = error_console()
        console.print("The end of its log:", style="bold")
        for line in tails[-1]:
            console.print(f"  {visible(line)}")


def show_result(report: RunReport, *, quiet: bool = False) -> None:
    """Print the summary of a report to standard output; only its first sentence if *quiet*."""
    from tuner.report.terminal import render_headline, render_terminal

    render = render_headline if quiet else render_terminal
    render(report, result_console())


def report_files(runs: Runs, run_id: str, presentation: Presentation, *, bucket_folder: Path | None) -> dict[str, str]:
    """Save the report's files if that was asked for, and say where each is.

    Returns:
        Paths on this machine, or ``s3://`` addresses, under the names that the report's own ``report`` field has,
        without those that the run did not write; of a run in an account also the page's address in the S3 console.
    """
    places: dict[str, str] = {}
    for kind, name in REPORT_FILES.items():
        if presentation.out is not None:
            body = runs.report_file(run_id, name)
            if body is not None:
                (presentation.out / name).write_bytes(body)
                places[kind] = str(presentation.out / name)
        elif bucket_folder is not None:
            path = bucket_folder / "runs" / run_id / name
            if path.is_file():
                places[kind] = str(path)
        elif runs.artifacts.exists(run_key(run_id, name)):
            places[kind] = runs.artifacts.uri(run_key(run_id, name))
    if places and bucket_folder is None:
        console = runs.artifacts.console_url(run_key(run_id, REPORT_FILES["html"]))
        places |= {} if console is None else {"console": console}
    return places
