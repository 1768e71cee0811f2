"""Restore: undo everything that a run made, and prove it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Set
from dataclasses import replace
from typing import Any, assert_never

from tuner.aws.artifacts import RunArtifacts
from tuner.aws.clients import CALL_WORST_S
from tuner.aws.clones import Clones
from tuner.aws.snapshot import SnapshotReader
from tuner.core.codec import from_json, to_json
from tuner.core.errors import (
    CloneNotReady,
    FunctionNotFound,
    PermissionDenied,
    RestoreIncomplete,
    RetryableError,
    ServiceError,
    TunerError,
)
from tuner.core.function.snapshot import (
    CONFIGURATION,
    MISSING,
    NOT_READABLE,
    QUALIFIED,
    compare,
    fingerprint,
    foreign_changes,
)
from tuner.core.run.bucket_layout import PLAN, RESTORED
from tuner.core.run.plan import CreateFunction, Plan, Step, UnknownStep, clone_prefix
from tuner.core.run.restored import Restored


def restore(
    artifacts: RunArtifacts,
    reader: SnapshotReader,
    clones: Clones,
    *,
    now: str,
    remaining_s: Callable[[], float] = lambda: math.inf,
) -> Restored:
    """Delete the run's temporary functions and compare the target with its snapshot.

    What AWS accepts to delete is looked for afterwards: only what is not
    there any more counts as removed. Idempotent: what is gone already is fine.
    A run that was never planned made nothing, and there is nothing to do. What
    a later version made is named, and the rest is undone. A
    function that cannot be read any more does not keep the run from being
    undone: what was not compared is named.

    *now* is ISO 8601; *remaining_s* tells how much time this call has left: in the end it compares and writes the
    proof.

    Raises:
        Throttled: AWS asked to slow down; call again.
        CloneNotReady: A temporary function is just being made, its deletion goes on, or there was no time for it;
            call again.
        RestoreIncomplete: Something could not be removed; names it.
        ChangedMeanwhile: Others kept changing the proof.
    """
    planned = artifacts.find(PLAN)
    if planned is None:
        return Restored((), (), (), now)
    plan = from_json(Plan, planned)
    removed: set[str] = set()
    gone: set[str] = set()
    problems: dict[str, TunerError] = {}
    for step in plan.steps:
        if (removed or gone or problems) and remaining_s() < CALL_WORST_S:
            problems[step.name] = CloneNotReady("there was no time for it yet; the next call continues")
            continue
        problem, was_there = _undo(clones, step)
        if problem is not None:
            problems[step.name] = problem
        else:
            (removed if was_there else gone).add(step.name)
    after = _read(reader, plan)
    checks = compare(plan.snapshot_before, after)
    changes = foreign_changes(plan.snapshot_before, after, checks, since=plan.planned_at, until=now)
    restored = _keep(artifacts, Restored(tuple(removed), tuple(problems), checks, now, changes), gone)
    _raise_for(problems, artifacts.run_id)
    return restored


def _keep(artifacts: RunArtifacts, restored: Restored, gone: Set[str]) -> Restored:
    """Write the proof down, with what earlier ones have removed: two may be at it at the same time."""

    def merge(body: bytes | None) -> tuple[bytes, Restored]:
        earlier = {} if body is None else json.loads(body)
        # What an earlier one could not find gone, and is gone now, was there.
        removed = {*restored.removed, *earlier.get("removed", ()), *(gone & {*earlier.get("remaining", ())})}
        merged = replace(restored, removed=tuple(sorted(removed)))
        return json.dumps(to_json(merged), allow_nan=False).encode(), merged

    return artifacts.bucket.rewrite(artifacts.key(RESTORED), merge)


def _undo(clones: Clones, step: Step) -> tuple[TunerError | None, bool]:
    match step:
        case CreateFunction():
            return _remove(clones, step.name)
        case UnknownStep():
            return RestoreIncomplete(f"only the version that wrote {step.kind} into the plan can undo it"), True
        case _:
            assert_never(step)


def _remove(clones: Clones, name: str) -> tuple[TunerError | None, bool]:
    """Delete a temporary function and look for it; why it may still be there, and whether it was there before."""
    refused: TunerError | None = None
    try:
        if not clones.delete(name):
            return None, False
    except TunerError as error:
        # An answer that got lost may have been that of a deletion: what counts is whether it is there.
        refused = error
    try:
        if not clones.exists(name):
            return None, True
    except TunerError as error:
        return refused or error, True
    return refused or CloneNotReady(f"{name} is still there, though AWS has accepted its deletion."), True


def _read(reader: SnapshotReader, plan: Plan) -> Mapping[str, Any]:
    try:
        return fingerprint(reader.snapshot(plan.function_name, plan.qualifier))
    except FunctionNotFound:
        # The alias or version may be gone while the function is there.
        gone = plan.qualifier is None or not _exists(reader, plan.function_name)
        if gone:
            return {CONFIGURATION: MISSING}
        return fingerprint({**reader.snapshot(plan.function_name, None), QUALIFIED: None})
    except (PermissionDenied, ServiceError):
        return dict.fromkeys(plan.snapshot_before, NOT_READABLE)


def _exists(reader: SnapshotReader, name: str) -> bool:
    try:
        reader.configuration(name, None)
    except FunctionNotFound:
        return False
    return True


def _raise_for(problems: Mapping[str, TunerError], run_id: str) -> None:
    if not problems:
        return
    named = "; ".join(f"{name}: {error.message}" for name, error in problems.items())
    retryable = [error for error in problems.values() if isinstance(error, RetryableError)]
    if len(retryable) == len(problems):
        kind = CloneNotReady if any(isinstance(error, CloneNotReady) for error in retryable) else type(retryable[0])
        raise kind(f"Not everything that run {run_id} made can be removed yet: {named}")
    raise RestoreIncomplete(
        f"Not everything that run {run_id} made could be removed: {named}",
        hint=f"The sweeper tries again every hour. By hand: delete the functions that begin {clone_prefix(run_id)}.",
    )
