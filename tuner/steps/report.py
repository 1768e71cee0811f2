"""Report: everything known about a run in one document, rendered for people and machines."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tuner.aws.artifacts import RunArtifacts
from tuner.core.answer.explained import batch_fields, explanation_fields, warm_start_fields
from tuner.core.answer.power_tuning_output import (
    design_notes,
    input_notes,
    output_fields,
    outside_note,
    transition_count,
)
from tuner.core.answer.result import (
    SCHEMA_VERSION,
    alternative_fields,
    answer_fields,
    cold_start_fields,
    dry_run_fields,
    evidence_fields,
    execution_output,
    goal_fields,
    monthly_fields,
    price_fields,
    traffic_fields,
)
from tuner.core.codec import from_json
from tuner.core.errors import REPORT_LINE, ChangedMeanwhile
from tuner.core.foreign_text import json_text, one_line
from tuner.core.function.snap_start import uninvoked_copies
from tuner.core.function.traffic import unlike_production
from tuner.core.measurement.anchor import anchor_factor, anchored
from tuner.core.measurement.disturbance import disturbance_sentence
from tuner.core.measurement.error_rates import error_sentences
from tuner.core.model import Batch, Candidate, Explanation, GoalAlternatives, Observation, Recommendation
from tuner.core.money.spending import spent_usd
from tuner.core.request.tuning_request import PowerTuning
from tuner.core.run.bucket_layout import (
    ALTERNATIVES,
    COMMAND,
    DECISION,
    EXPLANATION,
    FAILURE,
    PLAN,
    RECORD,
    RESTORED,
    ROUNDS,
    SEARCH,
    function_key,
    index_key,
)
from tuner.core.run.journal import observations_of
from tuner.core.run.record import RunRecord
from tuner.core.run.restored import Restored
from tuner.report.html import render_html
from tuner.report.markdown import render_markdown
from tuner.report.picture import render_svg
from tuner.steps.earlier import load_earlier
from tuner.steps.overdue import mark_closed, mark_open
from tuner.steps.progress import report_progress
from tuner.steps.run import load_journals, load_plan, load_record, load_round, memory_caps

_ENDED_FROM_OUTSIDE = {
    "ABORTED": {
        "name": "RunAborted",
        "message": "The execution was stopped before it had an answer.",
        "hint": "What it had made was removed. Start again when you like.",
    },
    "TIMED_OUT": {
        "name": "RunTimedOut",
        "message": "The execution passed its time limit before it had an answer.",
        "hint": "What it had made was removed. Lower budget.maxMinutes or budget.maxInvocations and start again.",
    },
    "UNKNOWN": {
        "name": "ServiceError",
        "message": "The run did not finish, and nothing says why.",
        "hint": "What it had made was removed when its time was over; the execution's history in Step Functions "
        "shows where it ended.",
    },
    "FAILED": {
        "name": "ServiceError",
        "message": "The execution failed, and the reason could not be written down.",
        "hint": "The execution's history in Step Functions shows the state that failed.",
    },
}


_MOST_REWRITINGS = 5


def report(
    artifacts: RunArtifacts,
    *,
    finished_at: str,
    status: str | None = None,
    failure: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Write ``report.html``, ``.md``, ``.svg`` and ``.json`` of a run, whatever became of it.

    A stopped execution's last step may still be at its report while the
    clean-up writes another: ``report.json`` is written last, and only where it
    still is what was read; who finds it changed begins again from what it says.

    Args:
        artifacts: The run's objects.
        finished_at: The time, ISO 8601.
        status: How the execution ended, where it could not tell the reason itself; ``UNKNOWN``
            where nobody told: an answer that is there already then stands. ``None`` in the run
            itself, which has an answer to tell.
        failure: Name and cause of the error with which the execution will end, for
            a failure that could not be written down.

    Returns:
        The execution's output; a failed run's has ``error``.

    Raises:
        RunNotFound: The run itself finds its record or its decision gone: there is no answer to tell.
        ChangedMeanwhile: Others kept rewriting the report.
    """
    for rewriting in range(_MOST_REWRITINGS):
        told, entity_tag = _told(artifacts)
        if status is None and "error" in told:
            document = told
        else:
            ended = None if status == "UNKNOWN" and told and "error" not in told else status
            document = _document(artifacts, finished_at, ended, _reason(ended, failure, told))
        artifacts.write_text("report.md", render_markdown(document))
        artifacts.write_text("report.html", render_html(document))
        artifacts.write_text("report.svg", render_svg(document))
        artifacts.bucket.write_json(index_key(artifacts.run_id), _index_row(document))
        _keep_latest(artifacts, document)
        try:
            artifacts.bucket.write_unchanged(artifacts.key("report.json"), _json_of(document), entity_tag)
        except ChangedMeanwhile:
            if rewriting + 1 == _MOST_REWRITINGS:
                raise
        else:
            break
    report_progress(artifacts, state="Report", message="The report is written.")
    restored = document["restored"]
    if artifacts.find(PLAN) is None or (restored is not None and not restored["remaining"]):
        mark_closed(artifacts)
    else:
        mark_open(artifacts, expires_at=finished_at)  # for the sweeper, also where an earlier restore was complete
    return execution_output(document)


def _told(artifacts: RunArtifacts) -> tuple[dict[str, Any], str | None]:
    """The report that is there already, if any, and its entity tag."""
    body, entity_tag = artifacts.bucket.read_tagged(artifacts.key("report.json"))
    return ({} if body is None else json.loads(body)), entity_tag


def _json_of(document: Mapping[str, Any]) -> bytes:
    return json_text(document).encode()


def _reason(status: str | None, failure: Mapping[str, Any] | None, told: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Why an execution failed, where its own step could not write it down."""
    if failure is not None:
        return {"name": failure["name"], "message": one_line(failure["cause"].partition(REPORT_LINE)[0]), "hint": ""}
    error: Mapping[str, Any] | None = told.get("error") if status in ("FAILED", "UNKNOWN") else None
    return error


def _keep_latest(artifacts: RunArtifacts, document: Mapping[str, Any]) -> None:
    """Keep the answer as the function's latest, or take back what a run that then failed had kept."""
    if "function" not in document:
        return
    key = function_key(document["function"]["name"], "latest.json")
    if "error" not in document:
        if document["verdict"] != "DRY_RUN":
            artifacts.bucket.write_json(key, execution_output(document))
    elif (artifacts.bucket.read_json(key) or {}).get("runId") == artifacts.run_id:
        artifacts.bucket.delete(key)


def _document(
    artifacts: RunArtifacts, finished_at: str, status: str | None, reason: Mapping[str, Any] | None
) -> dict[str, Any]:
    console = artifacts.console_url("report.html")
    document: dict[str, Any] = {
        "schemaVersion": SCHEMA_VERSION,
        "runId": artifacts.run_id,
        "finishedAt": finished_at,
        "report": {
            "html": artifacts.place("report.html"),
            "markdown": artifacts.place("report.md"),
            "json": artifacts.place("report.json"),
            "svg": artifacts.place("report.svg"),
            **({} if console is None else {"console": console}),
        },
        "restored": _restored_fields(artifacts),
    }
    failure = artifacts.find(FAILURE) or reason
    if artifacts.find(RECORD) is None and (failure is not None or status is not None):
        return {**document, "error": failure or _ENDED_FROM_OUTSIDE.get(status or "", _ENDED_FROM_OUTSIDE["FAILED"])}
    record = load_record(artifacts)
    command = artifacts.find(COMMAND)
    if command is not None:
        document["repeatCommand"] = str(command["command"])
    seen = observations_of(load_journals(artifacts))
    factor = anchor_factor(seen, record.request.observed)
    observations = anchored(seen, record.request.observed)
    document |= _record_fields(record)
    document |= evidence_fields(record.problem, observations, factor, _uninvoked(artifacts, seen))
    if failure is not None or status is not None:
        # An answer that its execution did not live to give is none.
        return {**document, "error": failure or _ENDED_FROM_OUTSIDE.get(status or "", _ENDED_FROM_OUTSIDE["FAILED"])}
    disturbed = disturbance_sentence(observations)
    document["warnings"] = [
        *document["warnings"],
        *([] if disturbed is None else [disturbed]),
        *error_sentences(observations),
    ]
    if record.request.dry_run:
        # The request's own bounds: what cold starts take is in them.
        whole = replace(record.problem, budget=record.request.budget)
        return {**document, **dry_run_fields(whole, observations, cold_starts=record.request.cold_starts)}
    decision = artifacts.read(DECISION)
    recommendation = from_json(Recommendation, decision)
    document["versions"] |= (artifacts.find(SEARCH) or {}).get("versions", {})
    document |= answer_fields(recommendation, assumed=record.assumed_size)
    document["coldStarts"] = cold_start_fields(observations, recommendation) if record.request.cold_starts else None
    document["assumptions"] = [*document["assumptions"], *recommendation.notes]
    document["monthly"] = monthly_fields(
        record.problem,
        recommendation,
        source="cloudwatch" if record.request.monthly_invocations is None else "request",
    )
    unlike = _unlike_production(record, recommendation)
    if unlike is not None:
        document["warnings"] = [*document["warnings"], unlike]
    rounds = [load_round(artifacts, number) for number in range(1, len(artifacts.names(ROUNDS)) + 1)]
    document["batches"] = batch_fields([batch for batches in rounds for batch in batches])
    if record.request.power_tuning is not None:
        theirs = _power_tuning_fields(record, rounds, observations, recommendation)
        document |= theirs
        document["assumptions"] = [*document["assumptions"], *theirs["notes"]]
    explanation = artifacts.find(EXPLANATION)
    if explanation is not None:
        document |= explanation_fields(from_json(Explanation, explanation))
    if recommendation.warm_start is not None:
        document["warmStart"] = warm_start_fields(recommendation.warm_start)
    set_aside = load_earlier(artifacts).warning
    if set_aside is not None:
        document["warnings"] = [*document["warnings"], set_aside]
    alternatives = artifacts.find(ALTERNATIVES)
    if alternatives is not None:
        document["goalAlternatives"] = alternative_fields(from_json(GoalAlternatives, alternatives), recommendation)
    return document


def _uninvoked(artifacts: RunArtifacts, observations: Sequence[Observation]) -> list[Candidate]:
    """Copies that were made and not invoked, by their size; none of a size that the account does not allow."""
    if artifacts.find(PLAN) is None:
        return []
    cap_mb = memory_caps(artifacts) or math.inf
    planned = [step for step in load_plan(artifacts).steps if step.candidate.memory_mb <= cap_mb]
    restored = artifacts.find(RESTORED)
    # What restore neither removed nor left was planned and refused.
    found = None if restored is None else {*restored["removed"], *restored["remaining"]}
    made = [step.candidate for step in planned if found is None or step.name in found]
    return uninvoked_copies(made, observations)


def _unlike_production(record: RunRecord, recommendation: Recommendation) -> str | None:
    median = None if recommendation.current is None else recommendation.current.duration_ms.get("p50")
    if record.traffic is None or median is None or record.where == "local":
        return None
    return unlike_production(record.traffic, median.estimate)


def _power_tuning_fields(
    record: RunRecord,
    rounds: Sequence[Sequence[Batch]],
    observations: Sequence[Observation],
    recommendation: Recommendation,
) -> dict[str, Any]:
    """The fields of AWS Lambda Power Tuning's output, for an input with its fields."""
    given = record.request.power_tuning or PowerTuning()
    return {
        "strategy": given.strategy,
        "notes": [
            *input_notes(given),
            *design_notes(record.problem, observations, recommendation),
            *(outside_note(row.memory_mb, row.reason) for row in record.outside if record.problem.design is not None),
        ],
        **output_fields(
            record.problem,
            observations,
            recommendation.recommended,
            region=record.target.region,
            transitions=transition_count(len(rounds), sum(map(len, rounds))),
            spent_usd=spent_usd(record.problem, observations),
            with_stats=given.include_output_results,
        ),
    }


def _record_fields(record: RunRecord) -> dict[str, Any]:
    target = record.target
    assumptions = list(record.assumptions)
    if record.request.observed is not None:
        observed = record.request.observed
        assumptions.append(
            f"Durations are scaled so that {observed.memory_mb} MB takes {observed.duration_ms:g} ms, "
            "as you observed on AWS."
        )
    if record.request.cpu_time:
        assumptions.append("The CPU time of each invocation was an observation of its own.")
    return {
        "functionArn": target.arn,
        "where": record.where,
        "goal": goal_fields(record.problem),
        "request": record.request.to_input(),
        "function": {
            "name": target.name,
            "arn": target.arn,
            "runtime": target.runtime,
            "handler": target.handler,
            "architecture": target.architecture,
            "memoryMb": target.memory_mb,
            "timeoutS": target.timeout_s,
            "codeSha256": target.code_sha256,
        },
        "startedAt": record.started_at,
        "assumptions": assumptions,
        "warnings": list(record.warnings),
        "leftUndone": _left_undone(record),
        "unmeasurable": _unmeasurable(record),
        "prices": price_fields(record.problem, record.request.prices_region or target.region),
        "traffic": traffic_fields(record.traffic),
        "versions": dict(record.versions),
    }


def _left_undone(record: RunRecord) -> list[str]:
    rows = []
    if len({candidate.architecture for candidate in record.problem.candidates}) == 1:
        other = "x86_64" if record.target.architecture == "arm64" else "arm64"
        rows.append(f"{other} was not tried: the request names no architecture besides the function's own.")
    return rows


def _unmeasurable(record: RunRecord) -> list[dict[str, Any]]:
    by_reason: dict[str, list[int]] = {}
    for outside in record.outside:
        by_reason.setdefault(outside.reason, []).append(outside.memory_mb)
    return [{"memorySizesMb": sizes, "reason": reason} for reason, sizes in by_reason.items()]


def _restored_fields(artifacts: RunArtifacts) -> dict[str, Any] | None:
    stored = artifacts.find(RESTORED)
    if stored is None:
        return None
    restored = from_json(Restored, stored)
    return {
        "complete": restored.complete,
        "checkedAt": restored.checked_at,
        "checks": [
            {
                "what": check.what,
                "before": check.before,
                "after": check.after,
                "same": check.same,
                "differs": list(check.differs),
            }
            for check in restored.checks
            if check.same is not None
        ],
        "notCompared": [check.what for check in restored.checks if check.same is None],
        "changes": [
            {
                "what": change.what,
                "sentence": change.sentence,
                "modifiedAt": change.modified_at,
                "revisionBefore": change.revision_before,
                "revisionAfter": change.revision_after,
            }
            for change in restored.changes
        ],
        "removed": list(restored.removed),
        "remaining": list(restored.remaining),
    }


def _index_row(document: Mapping[str, Any]) -> dict[str, Any]:
    recommended = document.get("recommended") or {}
    current = document.get("current") or {}
    return {
        "runId": document["runId"],
        "functionArn": document.get("functionArn"),
        "where": document.get("where"),
        "startedAt": document.get("startedAt"),
        "finishedAt": document["finishedAt"],
        "verdict": document.get("verdict"),
        "error": (document.get("error") or {}).get("name"),
        "memoryMb": recommended.get("memoryMb"),
        "currentMemoryMb": current.get("memoryMb"),
        "savingRatio": document.get("savingRatio"),
        "decision": (document.get("decision") or {}).get("action"),
    }
