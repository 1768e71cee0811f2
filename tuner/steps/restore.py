"""Restore: undo everything that a run made, and prove it."""

from __future__ import annotations

from dataclasses import dataclass

from tuner.aws.artifacts import RunArtifacts
from tuner.aws.clones import Clones
from tuner.aws.target import NOT_READABLE, TargetReader
from tuner.core.codec import to_json
from tuner.core.errors import FunctionNotFound, RestoreIncomplete, TunerError
from tuner.core.plan import clone_prefix, differences, fingerprint
from tuner.steps.run import PLAN, RESTORED, load_plan


@dataclass(frozen=True, slots=True)
class Restored:
    """The proof: what was removed, what is left, and whether the function is as it was."""

    removed: tuple[str, ...]
    left_behind: tuple[str, ...]
    target_unchanged: bool | None
    """``None``: it could not be compared (the function is gone, or was never planned)."""
    target_differences: tuple[str, ...]
    compared: tuple[str, ...]
    """The sections of the snapshot that were compared."""
    not_compared: tuple[str, ...]
    at: str


def restore(artifacts: RunArtifacts, reader: TargetReader, clones: Clones, *, now: str) -> Restored:
    """Delete the run's temporary functions and compare the target with its snapshot.

    Idempotent: what is gone already is fine. A run that was never planned made
    nothing, and there is nothing to do.

    Args:
        artifacts: The run's objects.
        reader: Reads the target.
        clones: Deletes temporary functions.
        now: The time, ISO 8601.

    Raises:
        RestoreIncomplete: Something could not be removed; names it.
    """
    if artifacts.find(PLAN) is None:
        return Restored((), (), None, (), (), (), now)
    plan = load_plan(artifacts)
    removed: list[str] = []
    problems: list[str] = []
    # The plan names everything that may exist; the listing shows whether anything else does.
    names = dict.fromkeys(step.name for step in plan.steps)
    for name in names:
        try:
            if clones.delete(name):
                removed.append(name)
        except TunerError as error:
            problems.append(f"{name}: {error.message}")
    left_behind = tuple(name for name in names if any(problem.startswith(f"{name}:") for problem in problems))
    before = plan.snapshot_before
    try:
        after = fingerprint(reader.snapshot(plan.function_name, plan.qualifier))
    except FunctionNotFound:
        after = dict.fromkeys(before, NOT_READABLE)
    not_compared = tuple(key for key in before if NOT_READABLE in (before[key], after.get(key)))
    compared = tuple(key for key in before if key not in not_compared)
    changes = differences({key: before[key] for key in compared}, {key: after.get(key) for key in compared})
    unchanged = not changes if compared else None
    restored = Restored(tuple(removed), left_behind, unchanged, changes, compared, not_compared, now)
    earlier = artifacts.find(RESTORED)
    merged = to_json(restored)
    if earlier:
        merged["removed"] = sorted({*earlier.get("removed", ()), *removed})
    artifacts.write(RESTORED, merged)
    if problems:
        raise RestoreIncomplete(
            f"{len(problems)} temporary functions of run {artifacts.run_id} could not be removed: {'; '.join(problems)}",
            hint=f"The sweeper tries again every hour. By hand: delete the functions that begin {clone_prefix(artifacts.run_id)}.",
        )
    return restored
