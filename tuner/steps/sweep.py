"""Sweep: what outlived its run is removed, whatever became of the run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tuner.aws.clones import Clones
from tuner.core.plan import EXPIRES_TAG, RUN_TAG


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep found."""

    restarted: tuple[str, ...]
    """Runs for which ``restore`` was started."""
    removed: tuple[str, ...]
    """Temporary functions of no known run, deleted here."""
    kept: int
    """Temporary functions of runs that are still within their time."""


def sweep(clones: Clones, start_restore: Callable[[str], None], *, now: str) -> Swept:
    """Start ``restore`` for every run that has outlived itself.

    Args:
        clones: Lists temporary functions and reads their tags.
        start_restore: Starts ``restore`` for a run id.
        now: The time, ISO 8601 in UTC.
    """
    overdue: dict[str, None] = {}
    orphans: list[str] = []
    kept = 0
    for name in clones.names():
        tags = clones.tags(name)
        run_id = tags.get(RUN_TAG)
        if tags.get(EXPIRES_TAG, "") > now:
            kept += 1
        elif run_id:
            overdue[run_id] = None
        else:
            orphans.append(name)
    for run_id in overdue:
        start_restore(run_id)
    removed = tuple(name for name in orphans if clones.delete(name))
    return Swept(tuple(overdue), removed, kept)
