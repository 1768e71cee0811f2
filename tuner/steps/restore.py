"""Restore: undo everything that a run made, and prove it."""

from __future__ import annotations

from dataclasses import dataclass

from tuner.aws.artifacts import RunArtifacts
from tuner.aws.clones import Clones
from tuner.aws.target import TargetReader
from tuner.core.codec import to_json
from tuner.core.errors import FunctionNotFound, RestoreIncomplete, TunerError
from tuner.core.plan import NOT_READABLE, Check, clone_prefix, compare, fingerprint
from tuner.steps.run import PLAN, RESTORED, load_plan


@dataclass(frozen=True, slots=True)
class Restored:
    """The proof: what was removed, what is left, and whether the function is as it was."""

    removed: tuple[str, ...]
    remaining: tuple[str, ...]
    checks: tuple[Check, ...]
    checked_at: str

    @property
    def complete(self) -> bool:
        """Whether nothing of the run is left and nothing that could be compared has changed."""
        return not self.remaining and all(check.same is not False for check in self.checks)


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
        return Restored((), (), (), now)
    plan = load_plan(artifacts)
    removed: list[str] = []
    problems: dict[str, str] = {}
    for name in dict.fromkeys(step.name for step in plan.steps):
        try:
            if clones.delete(name):
                removed.append(name)
        except TunerError as error:
            problems[name] = error.message
    try:
        after = fingerprint(reader.snapshot(plan.function_name, plan.qualifier))
    except FunctionNotFound:
        after = dict.fromkeys(plan.snapshot_before, NOT_READABLE)
    earlier = artifacts.find(RESTORED) or {}
    restored = Restored(
        tuple(sorted({*earlier.get("removed", ()), *removed})),
        tuple(problems),
        compare(plan.snapshot_before, after),
        now,
    )
    artifacts.write(RESTORED, to_json(restored))
    if problems:
        raise RestoreIncomplete(
            f"{len(problems)} temporary functions of run {artifacts.run_id} could not be removed: "
            + "; ".join(f"{name}: {why}" for name, why in problems.items()),
            hint="The sweeper tries again every hour. By hand: delete the functions that begin "
            f"{clone_prefix(artifacts.run_id)}.",
        )
    return restored
