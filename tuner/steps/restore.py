"""Restore: undo everything that a run made, and prove it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tuner.aws.artifacts import RunArtifacts
from tuner.aws.clones import Clones
from tuner.aws.target import TargetReader
from tuner.core.codec import to_json
from tuner.core.errors import (
    CloneNotReady,
    FunctionNotFound,
    PermissionDenied,
    RestoreIncomplete,
    RetryableError,
    ServiceError,
    TunerError,
)
from tuner.core.plan import Plan, clone_prefix
from tuner.core.snapshot import (
    CONFIGURATION,
    MISSING,
    NOT_READABLE,
    QUALIFIED,
    Check,
    ForeignChange,
    compare,
    fingerprint,
    foreign_changes,
)
from tuner.steps.run import PLAN, RESTORED, load_plan


@dataclass(frozen=True, slots=True)
class Restored:
    """The proof: what was removed, what is left, and whether the function is as it was."""

    removed: tuple[str, ...]
    remaining: tuple[str, ...]
    checks: tuple[Check, ...]
    checked_at: str
    changes: tuple[ForeignChange, ...] = ()
    """What somebody else changed meanwhile: the roles of a run cannot write the function."""

    @property
    def complete(self) -> bool:
        """Whether nothing of the run is left and nothing that could be compared has changed."""
        return not self.remaining and all(check.same is not False for check in self.checks)


def restore(artifacts: RunArtifacts, reader: TargetReader, clones: Clones, *, now: str) -> Restored:
    """Delete the run's temporary functions and compare the target with its snapshot.

    Idempotent: what is gone already is fine. A run that was never planned made
    nothing, and there is nothing to do. A function that cannot be read any
    more does not keep the run from being undone: what was not compared is
    named.

    Args:
        artifacts: The run's objects.
        reader: Reads the target.
        clones: Deletes temporary functions.
        now: The time, ISO 8601.

    Raises:
        Throttled: AWS asked to slow down; call again.
        CloneNotReady: A temporary function is just being made and cannot be removed yet; call again.
        RestoreIncomplete: Something could not be removed; names it.
    """
    if artifacts.find(PLAN) is None:
        return Restored((), (), (), now)
    plan = load_plan(artifacts)
    removed: list[str] = []
    problems: dict[str, TunerError] = {}
    for name in dict.fromkeys(step.name for step in plan.steps):
        try:
            if clones.delete(name):
                removed.append(name)
        except TunerError as error:
            problems[name] = error
    after = _read(reader, plan)
    checks = compare(plan.snapshot_before, after)
    earlier = artifacts.find(RESTORED) or {}
    restored = Restored(
        tuple(sorted({*earlier.get("removed", ()), *removed})),
        tuple(problems),
        checks,
        now,
        foreign_changes(plan.snapshot_before, after, checks, since=plan.planned_at, until=now),
    )
    artifacts.write(RESTORED, to_json(restored))
    _raise_for(problems, artifacts.run_id)
    return restored


def _read(reader: TargetReader, plan: Plan) -> Mapping[str, Any]:
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


def _exists(reader: TargetReader, name: str) -> bool:
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
        raise kind(f"{len(problems)} temporary functions of run {run_id} cannot be removed yet: {named}")
    raise RestoreIncomplete(
        f"{len(problems)} temporary functions of run {run_id} could not be removed: {named}",
        hint=f"The sweeper tries again every hour. By hand: delete the functions that begin {clone_prefix(run_id)}.",
    )
