"""Runs that outlived themselves: found by the mark that each leaves until its end is written down.

``plan`` leaves a mark before it does anything, and the report that tells of
the run's end, with everything restored, takes it away. An overdue mark
belongs to a run that nobody restored, or whose end was not reported. The sweeper
looks at all of them every hour; a run looks after its own function's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tuner.aws.artifacts import Artifacts, RunArtifacts
from tuner.core.run.bucket_layout import OPEN_MARKS, open_mark_key
from tuner.core.run.run_id import is_run_id


def mark_open(artifacts: RunArtifacts, *, expires_at: str, function_name: str | None = None) -> None:
    """Mark a run that may have made something and has not reported its end; before it makes anything.

    *expires_at* (ISO 8601, UTC) is when somebody else ends the run.
    """
    artifacts.bucket.write_json(
        open_mark_key(artifacts.run_id), {"function_name": function_name, "expires_at": expires_at}
    )


def mark_closed(artifacts: RunArtifacts) -> None:
    """Take the mark away: nothing of the run is left, and its report says how it ended."""
    artifacts.bucket.delete(open_mark_key(artifacts.run_id))


def is_open(artifacts: RunArtifacts) -> bool:
    """Whether a run's end is still to be reported, by the bucket's listing: not everybody may read the mark."""
    key = open_mark_key(artifacts.run_id)
    return key in artifacts.bucket.keys(key)


def overdue_runs(artifacts: Artifacts, *, now: str) -> Iterator[tuple[str, str | None]]:
    """Every run that is past its time at *now* (ISO 8601, UTC), with its function if that was known."""
    for key in artifacts.keys(OPEN_MARKS):
        mark = artifacts.read_json(key)
        run_id = key.removeprefix(OPEN_MARKS).removesuffix(".json")
        if mark is not None and mark["expires_at"] <= now and is_run_id(run_id):
            yield run_id, mark["function_name"]


def restore_overdue(
    artifacts: Artifacts, function_name: str, start_restore: Callable[[str], None], *, now: str
) -> tuple[str, ...]:
    """Start ``restore`` for every run of a function that is past its time, and give their ids."""
    overdue = tuple(run_id for run_id, name in overdue_runs(artifacts, now=now) if name == function_name)
    for run_id in overdue:
        start_restore(run_id)
    return overdue
