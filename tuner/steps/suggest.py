"""Suggest: what to measure next, or that there is nothing worth measuring any more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tuner.aws.artifacts import RunArtifacts
from tuner.core.answer.advice import advise
from tuner.core.codec import to_json
from tuner.core.errors import PayloadFailed, RunInterrupted, TooManyUnmeasured
from tuner.core.measurement.anchor import anchor_factor
from tuner.core.measurement.traceback_frames import own_frames
from tuner.core.model import Batch, Candidate, Invocation, Observation, RunContext, Suggestion, invocations_of
from tuner.core.run.bucket_layout import ROUNDS, SEARCH, STOP
from tuner.core.run.record import Journal, RunRecord, observations_of
from tuner.core.search import VERSIONS, LeastLossSampler, StudyRun, ask_round, payload_failure, tell_measured
from tuner.steps.closing import closing_batches
from tuner.steps.progress import report_progress, used
from tuner.steps.run import load_journals, load_record, load_round, memory_cap_mb, round_name
from tuner.steps.study import study_of

_UNMEASURED_SHARE = 0.1
_UNMEASURED_COUNT = 3


def suggest_round(artifacts: RunArtifacts, *, now: datetime) -> tuple[int, tuple[Batch, ...]]:
    """Ask the search for the next round and write it down.

    Safe to repeat: a round that was asked for and not measured is asked for
    again, as it is.

    Returns:
        The round's number and its batches; no batches: the search has ended,
        ``search.json`` says why, and nothing is left to measure beside it.

    Raises:
        PayloadFailed: The function fails at its current size.
        TooManyUnmeasured: Too many invocations left no record.
        RunInterrupted: The user ended the run before anything was measured.
        ChangedMeanwhile: Another run wrote the same study at this moment.
    """
    record = load_record(artifacts)
    journals = load_journals(artifacts)
    observations = observations_of(journals)
    pending = _pending(artifacts, journals)
    if pending:
        return pending[0].round, pending
    round_number = 1 + max((journal.observation.round for journal in journals), default=0)
    _check_trust(record, observations)
    report_progress(artifacts, state="Suggest", **used(record, observations))
    elapsed_minutes = (now - datetime.fromisoformat(record.started_at)).total_seconds() / 60
    batches: tuple[Batch, ...] = ()
    if artifacts.find(SEARCH) is None:
        suggestion = _suggestion(artifacts, record, observations, elapsed_minutes)
        batches = suggestion.batches
        if suggestion.stop_reason is not None:
            artifacts.write(SEARCH, {"stop_reason": suggestion.stop_reason, "versions": VERSIONS})
    if not batches:
        batches = closing_batches(
            artifacts, record, observations, round_number=round_number, elapsed_minutes=elapsed_minutes
        )
    if batches:
        artifacts.write(round_name(round_number), to_json(batches))
    return round_number, batches


def _pending(artifacts: RunArtifacts, journals: Sequence[Journal]) -> tuple[Batch, ...]:
    rounds = artifacts.names(ROUNDS)
    if not rounds:
        return ()
    batches = load_round(artifacts, len(rounds))
    complete = {(journal.observation.round, journal.observation.trial) for journal in journals if journal.complete}
    return () if all((batch.round, batch.trial) in complete for batch in batches) else batches


def _suggestion(
    artifacts: RunArtifacts, record: RunRecord, observations: Sequence[Observation], elapsed_minutes: float
) -> Suggestion:
    stop_requested = artifacts.find(STOP) is not None
    if stop_requested and not any(i.outcome == "ok" for o in observations for i in o.invocations):
        raise RunInterrupted("The run was asked to end before anything was measured.", hint="Nothing was left behind.")
    if record.request.dry_run and observations:
        return Suggestion(stop_reason="It is a dry run: one invocation and an estimate.")
    with study_of(artifacts, record) as (study, earlier):
        study.sampler = LeastLossSampler(
            record.problem,
            RunContext(memory_cap_mb=memory_cap_mb(artifacts), stop_requested=stop_requested, earlier=earlier.runs),
            elapsed_minutes=elapsed_minutes,
            run=StudyRun(record.run_id, record.started_at, busy=record.busy),
            duration_factor=anchor_factor(observations, record.request.observed),
        )
        tell_measured(study, observations)
        return ask_round(study)


def _check_trust(record: RunRecord, observations: Sequence[Observation]) -> None:
    failure = payload_failure(observations)
    if failure is not None and not _is_about_size(record, failure):
        at = observations[0].candidate
        hint = advise(failure, local=record.where == "local")
        if record.assumed_size:
            hint += " If it needs more memory, name today's size: --memory 512."
        raise PayloadFailed(_failure_sentence(record, failure, at), hint=hint)
    invocations = invocations_of(observations)
    unmeasured = [invocation for invocation in invocations if invocation.outcome == "unmeasured"]
    if len(unmeasured) >= _UNMEASURED_COUNT and len(unmeasured) > _UNMEASURED_SHARE * len(invocations):
        why = next((f" The last one: {each.error_message}" for each in unmeasured[::-1] if each.error_message), "")
        raise TooManyUnmeasured(
            f"{len(unmeasured)} of {len(invocations)} invocations left no REPORT record, in the response or in the "
            f"logs.{why}",
            hint="The function's role must be allowed to write to the clones' log group; see docs/limits.md.",
        )


def _is_about_size(record: RunRecord, failure: Invocation) -> bool:
    """Whether this size is one answer of several: it was asked for by name, or is only assumed to be today's."""
    one_of_several = record.problem.design is not None or record.assumed_size
    return one_of_several and failure.outcome in {"timeout", "out_of_memory"}


def _failure_sentence(record: RunRecord, failure: Invocation, candidate: Candidate) -> str:
    kind = "the assumed" if record.assumed_size else "its current"
    size = f"{kind} size, " if candidate == record.problem.current else ""
    at = f"{record.target.name} fails with this payload at {size}{candidate.memory_mb} MB"
    match failure.outcome:
        case "timeout":
            return f"{at}: it ran into its timeout of {record.target.timeout_s} s."
        case "out_of_memory":
            return f"{at}: it ran out of memory."
        case _:
            frames = own_frames(failure.error_frames)
            return f"{at}: {failure.error_type}: {failure.error_message}{f' ({frames})' if frames else ''}"
