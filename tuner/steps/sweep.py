"""Sweep: what outlived its run is removed, whatever became of the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tuner.aws.artifacts import Artifacts
from tuner.aws.clones import Clones
from tuner.core.errors import TunerError
from tuner.core.run.plan import EXPIRES_TAG, RUN_TAG
from tuner.core.run.run_id import is_run_id, run_of_tag
from tuner.steps.overdue import overdue_runs

_PATIENCE = timedelta(days=1)
"""By then ``restore`` would have removed a function, unless the run's plan is gone."""


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep found."""

    restarted: tuple[str, ...]
    """Runs for which ``restore`` was started."""
    removed: tuple[str, ...]
    """Temporary functions of no known run, and those that outlived theirs by a day, deleted here."""
    kept: int
    """Temporary functions of runs that are still within their time."""
    failed: Mapping[str, str] = field(default_factory=dict)
    """What could not be read, removed or restored, by name, and why; the next sweep tries again."""


def sweep(clones: Clones, artifacts: Artifacts, start_restore: Callable[[str], None], *, now: str) -> Swept:
    """Start ``restore`` for every run that has outlived itself.

    One function's refusal is not another's: it is named, and the rest is swept.

    *now* is ISO 8601 in UTC. The bucket holds the marks of runs whose end was not reported: such a run may have left no
    function.

    Raises:
        PermissionDenied: The temporary functions may not be listed.
        Throttled: AWS asked to slow down before anything was listed.
    """
    overdue: dict[str, None] = {}
    orphans: list[str] = []
    failed: dict[str, str] = {}
    kept = 0
    long_ago = (datetime.fromisoformat(now) - _PATIENCE).isoformat()
    for name, arn in sorted(clones.arns().items()):
        try:
            tags = clones.tags(arn)
        except TunerError as error:
            failed[name] = error.message
            continue
        if tags is None:
            continue
        run_id = run_of_tag(tags.get(RUN_TAG, ""))
        if tags.get(EXPIRES_TAG, "") > now:
            kept += 1
        elif is_run_id(run_id):
            overdue[run_id] = None
            if tags.get(EXPIRES_TAG, "") <= long_ago:
                orphans.append(name)
        else:
            orphans.append(name)
    try:
        overdue.update((run_id, None) for run_id, _ in overdue_runs(artifacts, now=now))
    except TunerError as error:
        failed["open runs"] = error.message
    restarted = tuple(run_id for run_id in overdue if _worked(failed, run_id, start_restore))
    removed = tuple(name for name in orphans if _worked(failed, name, clones.delete))
    return Swept(restarted, removed, kept, failed)


def _worked(failed: dict[str, str], name: str, act: Callable[[str], object]) -> bool:
    try:
        act(name)
    except TunerError as error:
        failed[name] = error.message
        return False
    return True
