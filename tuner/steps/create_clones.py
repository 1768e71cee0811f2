"""CreateClones: a temporary function for every candidate of the round."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tuner.aws.artifacts import RunArtifacts
from tuner.aws.clients import CALL_WORST_S
from tuner.aws.clones import Clones, MemoryCapReached
from tuner.aws.target import TargetReader
from tuner.core.codec import to_json
from tuner.core.errors import CloneFailed, CloneNotReady, CodeGone
from tuner.core.function.target import TargetFunction
from tuner.core.model import Batch, Candidate, Observation
from tuner.core.run.bucket_layout import FACTS, code_key
from tuner.core.run.plan import CPU_TIME_TAG, EXPIRES_TAG, RUN_TAG, clone_name
from tuner.core.run.record import Journal
from tuner.core.run.run_id import run_tag
from tuner.steps.run import journal_name, load_plan, load_record, load_round, memory_cap_mb, save_plan

_COPIED_AGAIN = 2
"""How often a package that vanished is copied again: the bucket's own rule removes none within a day."""


def create_clones(
    artifacts: RunArtifacts,
    reader: TargetReader,
    clones: Clones,
    round_number: int,
    *,
    remaining_s: Callable[[], float] = lambda: math.inf,
) -> int:
    """Make the round's clones, and wait (by being retried) until they can be invoked.

    Safe to repeat: what is there already is not made again.

    *remaining_s* tells how much time this call has left: no clone is begun whose worst case would pass it.

    Returns:
        How many are ready.

    Raises:
        CloneNotReady: One is still being made, or there was no time for all; call again.
        CodeGone: The package must be copied again first.
        CloneFailed: One cannot be made, has other code, or the function was deployed meanwhile.
    """
    record = load_record(artifacts)
    batches = load_round(artifacts, round_number)
    plan = load_plan(artifacts)
    grown = plan.with_clones([(batch.candidate, batch.clone_number) for batch in batches])
    if grown != plan:
        save_plan(artifacts, grown)
    tags = {RUN_TAG: run_tag(record.run_id), EXPIRES_TAG: plan.expires_at}
    if record.request.cpu_time:
        tags[CPU_TIME_TAG] = "true"
    configuration: dict[str, Any] | None = None
    code: dict[str, str] = {}
    active: list[str] = []
    waiting = 0
    cap_mb = memory_cap_mb(artifacts)
    known = {step.name for step in plan.steps}
    snap_start = record.request.snap_start
    wanted = _by_clone(batches)
    for (candidate, number), asked in wanted.items():
        if (active or waiting) and remaining_s() < CALL_WORST_S:
            raise CloneNotReady(
                f"{len(active) + waiting} of {len(wanted)} temporary functions are made; the next call continues."
            )
        name = clone_name(record.run_id, candidate, number)
        if cap_mb is not None and candidate.memory_mb > cap_mb:
            _set_aside(artifacts, asked)
            continue
        # What the plan did not hold before this call cannot be there yet: no need to ask.
        state = clones.state(name, record.target.code_sha256, snap_start=snap_start) if name in known else "absent"
        if state == "absent":
            if configuration is None:
                configuration = reader.configuration(record.target.name, record.target.qualifier)
                code = _code(artifacts, reader, record.target, configuration)
            try:
                created = clones.create(name, candidate, configuration, code, tags, snap_start=snap_start)
                state = "active" if created else "pending"
            except MemoryCapReached as reached:
                cap_mb = reached.cap_mb
                _add_fact(artifacts, "memory_cap_mb", cap_mb)
                _set_aside(artifacts, asked)
                continue
            except CodeGone as gone:
                _count_clones(artifacts, gone)
                raise
        if state == "active":
            active.append(name)
        else:
            waiting += 1
    count = len(active) + waiting
    if waiting and snap_start:
        raise CloneNotReady(
            f"{waiting} of {count} temporary functions are not published yet: Lambda initialises each and "
            "takes its SnapStart snapshot.",
            hint="If this does not end, the function's init does not end in the clone; leave snapStart out.",
        )
    if waiting:
        raise CloneNotReady(f"{waiting} of {count} temporary functions are still being made.")
    if record.request.reserved_concurrency is not None:
        # Repeated for a clone of an earlier round: a step that ended between the two calls left it without a reserve.
        for name in active:
            clones.reserve(name, record.request.reserved_concurrency)
    return len(active)


def _by_clone(batches: Sequence[Batch]) -> dict[tuple[Candidate, int], list[Batch]]:
    rows: dict[tuple[Candidate, int], list[Batch]] = {}
    for batch in batches:
        rows.setdefault((batch.candidate, batch.clone_number), []).append(batch)
    return rows


def _code(
    artifacts: RunArtifacts, reader: TargetReader, target: TargetFunction, configuration: Mapping[str, Any]
) -> dict[str, str]:
    if configuration.get("CodeSha256") != target.code_sha256:
        raise CloneFailed(
            f"{target.name} was deployed while the run was measuring it.",
            hint="Nothing was changed by the run. Start again: earlier measurements are of the earlier code.",
        )
    if target.package_type == "Image":
        location = reader.code_location(target.name, target.qualifier)
        return {"ImageUri": str(location.get("ResolvedImageUri") or location["ImageUri"])}
    return {"S3Bucket": artifacts.bucket.name, "S3Key": code_key(target.code_sha256)}


def _set_aside(artifacts: RunArtifacts, batches: Sequence[Batch]) -> None:
    # Nothing was invoked: the search learns from the cap, and does not ask again.
    for batch in batches:
        observation = Observation(batch.round, batch.trial, batch.candidate, (), batch.purpose)
        artifacts.write(journal_name(batch.round, batch.trial), to_json(Journal(observation, 0, complete=True)))


def _add_fact(artifacts: RunArtifacts, name: str, value: int) -> None:
    artifacts.write(FACTS, {**(artifacts.find(FACTS) or {}), name: value})


def _count_clones(artifacts: RunArtifacts, gone: CodeGone) -> None:
    times = int((artifacts.find(FACTS) or {}).get("code_gone", 0)) + 1
    _add_fact(artifacts, "code_gone", times)
    if times > _COPIED_AGAIN:
        raise CloneFailed(
            f"{gone.message} It was copied again {_COPIED_AGAIN} times in this run, and removed each time.",
            hint="Find out who or what deletes from clones/ in the artifact bucket: the bucket's own rule removes no "
            "clone within a day.",
        ) from gone
