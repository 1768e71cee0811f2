"""Report: everything known about a run in one document, rendered for people and machines."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tuner.aws.artifacts import RunArtifacts
from tuner.core.answer.assemble import answered, estimated, failed, planned, restored_proof
from tuner.core.answer.codec import decode, encode, encode_row, execution_output
from tuner.core.answer.recommendation import Explanation, GoalAlternatives, Recommendation
from tuner.core.answer.report import Answer, Failure, KnownRun, RunReport
from tuner.core.answer.run_row import row_of
from tuner.core.codec import from_json
from tuner.core.errors import REPORT_LINE, ErrorFacts
from tuner.core.foreign_text import json_text, one_line
from tuner.core.function.snap_start import uninvoked_clones
from tuner.core.model import Candidate, Observation
from tuner.core.run.bucket_layout import (
    ALTERNATIVES,
    COMMAND,
    DECISION,
    EXPLANATION,
    FAILURE,
    PLAN,
    RECORD,
    REPORT_FILES,
    RESTORED,
    ROUNDS,
    SEARCH,
    function_key,
    index_key,
)
from tuner.core.run.plan import CreateFunction
from tuner.core.run.record import observations_of
from tuner.core.run.restored import Restored
from tuner.report.html import render_html
from tuner.report.markdown import render_markdown
from tuner.report.picture import render_svg
from tuner.steps.earlier import load_earlier
from tuner.steps.overdue import mark_closed, mark_open
from tuner.steps.progress import report_progress
from tuner.steps.run import load_journals, load_plan, load_record, load_round, memory_cap_mb

_ENDED_FROM_OUTSIDE = {
    "ABORTED": ErrorFacts(
        "RunAborted",
        "The execution was stopped before it had an answer.",
        "What it had made was removed. Start again when you like.",
    ),
    "TIMED_OUT": ErrorFacts(
        "RunTimedOut",
        "The execution passed its time limit before it had an answer.",
        "What it had made was removed. Lower budget.maxMinutes or budget.maxInvocations and start again.",
    ),
    "UNKNOWN": ErrorFacts(
        "ServiceError",
        "The run did not finish, for an unknown reason.",
        "What it had made was removed when its time ran out; the execution's history in Step Functions shows where "
        "it ended.",
    ),
}
_REASON_LOST = ErrorFacts(
    "ServiceError",
    "The execution failed, and the reason could not be written down.",
    "The execution's history in Step Functions shows the state that failed.",
)


def report(
    artifacts: RunArtifacts, *, finished_at: str, status: str | None = None, failure: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Write ``report.html``, ``.md``, ``.svg`` and ``.json`` of a run, whatever became of it.

    A stopped execution's last step may still be at its report while the
    clean-up writes another: ``report.json`` is written last, and only if it
    still is what was read; who finds it changed begins again from what it says.

    Args:
        artifacts: The run's objects.
        finished_at: The time, ISO 8601.
        status: How the execution ended, if it could not tell the reason itself; ``UNKNOWN``
            if nobody told: an answer that is there already then stands. ``None`` in the run
            itself, which has an answer to tell.
        failure: Name and cause of the error with which the execution will end, for
            a failure that could not be written down.

    Returns:
        The execution's output; a failed run's has ``error``.

    Raises:
        RunNotFound: The run itself finds its record or its decision gone: there is no answer to tell.
        ChangedMeanwhile: Others kept changing the report.
    """

    def write(body: bytes | None) -> tuple[bytes, RunReport]:
        there = None if body is None else decode(json.loads(body))
        found: RunReport
        if status is None and isinstance(there, Failure):
            found = there
        else:
            answered_before = there is not None and not isinstance(there, Failure)
            ended = None if status == "UNKNOWN" and answered_before else status
            found = _found(artifacts, finished_at, ended, _reason(ended, failure, there))
        artifacts.write_text("report.md", render_markdown(found))
        artifacts.write_text("report.html", render_html(found))
        artifacts.write_text("report.svg", render_svg(found))
        artifacts.bucket.write_json(index_key(artifacts.run_id), encode_row(row_of(found)))
        _keep_latest(artifacts, found)
        return json_text(encode(found)).encode(), found

    found = artifacts.bucket.rewrite(artifacts.key("report.json"), write)
    report_progress(artifacts, state="Report", message="The report is written.")
    if artifacts.find(PLAN) is None or (found.restored is not None and not found.restored.remaining):
        mark_closed(artifacts)
    else:
        mark_open(artifacts, expires_at=finished_at)  # for the sweeper, also if an earlier restore was complete
    return execution_output(found)


def _reason(status: str | None, failure: Mapping[str, Any] | None, there: RunReport | None) -> ErrorFacts | None:
    """Why an execution failed, if its own step could not write it down."""
    if failure is not None:
        return ErrorFacts(failure["name"], one_line(failure["cause"].partition(REPORT_LINE)[0]))
    return there.error if isinstance(there, Failure) and status in ("FAILED", "UNKNOWN") else None


def _keep_latest(artifacts: RunArtifacts, found: RunReport) -> None:
    """Keep the answer as the function's latest, or take back what a run that then failed had kept."""
    if found.function is None:
        return
    key = function_key(found.function.name, "latest.json")
    if isinstance(found, Answer):
        artifacts.bucket.write_json(key, execution_output(found))
    elif isinstance(found, Failure) and (artifacts.bucket.read_json(key) or {}).get("runId") == artifacts.run_id:
        artifacts.bucket.delete(key)


def _found(artifacts: RunArtifacts, finished_at: str, status: str | None, reason: ErrorFacts | None) -> RunReport:
    """Read what the run left, and put its report together."""
    console = artifacts.console_url("report.html")
    places = {kind: artifacts.place(name) for kind, name in REPORT_FILES.items()}
    restored, command = artifacts.find(RESTORED), artifacts.find(COMMAND)
    head = KnownRun(
        run_id=artifacts.run_id,
        finished_at=finished_at,
        report=places if console is None else {**places, "console": console},
        restored=None if restored is None else restored_proof(from_json(Restored, restored)),
    )
    failure = artifacts.find(FAILURE)
    error = reason if failure is None else from_json(ErrorFacts, failure)
    if error is None and status is not None:
        error = _ENDED_FROM_OUTSIDE.get(status, _REASON_LOST)
    if error is not None and artifacts.find(RECORD) is None:
        return failed(head, error)
    record = load_record(artifacts)
    if command is not None:
        head = replace(head, repeat_command=str(command["command"]))
    seen = observations_of(load_journals(artifacts))
    known = planned(head, record, seen, _uninvoked(artifacts, seen))
    if error is not None:
        # An answer that its execution did not live to give is none.
        return failed(known, error)
    if record.request.dry_run:
        return estimated(known, record, seen)
    explanation, alternatives = artifacts.find(EXPLANATION), artifacts.find(ALTERNATIVES)
    return answered(
        known,
        record,
        seen,
        from_json(Recommendation, artifacts.read(DECISION)),
        rounds=[load_round(artifacts, number) for number in range(1, len(artifacts.names(ROUNDS)) + 1)],
        versions=(artifacts.find(SEARCH) or {}).get("versions", {}),
        explanation=None if explanation is None else from_json(Explanation, explanation),
        alternatives=None if alternatives is None else from_json(GoalAlternatives, alternatives),
        set_aside=load_earlier(artifacts).warning,
    )


def _uninvoked(artifacts: RunArtifacts, observations: Sequence[Observation]) -> list[Candidate]:
    """Clones that were made and not invoked, by their size; none of a size that the account does not allow."""
    if artifacts.find(PLAN) is None:
        return []
    cap_mb = memory_cap_mb(artifacts) or math.inf
    steps = (step for step in load_plan(artifacts).steps if isinstance(step, CreateFunction))
    planned = [step for step in steps if step.candidate.memory_mb <= cap_mb]
    restored = artifacts.find(RESTORED)
    # What restore neither removed nor left was planned and refused.
    found = None if restored is None else {*restored["removed"], *restored["remaining"]}
    made = [step.candidate for step in planned if found is None or step.name in found]
    return uninvoked_clones(made, observations)
