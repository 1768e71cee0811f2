"""Runs of the same function that outlived themselves: restored before the next one begins.

A planned run leaves a mark beside its function's study, and ``restore`` takes
it away. A mark that is overdue belongs to a run that nobody restored. The
sweeper looks at all functions every hour; a run looks after its own function.
"""

from __future__ import annotations

from collections.abc import Callable

from tuner.aws.artifacts import Artifacts


def mark_open(artifacts: Artifacts, function_name: str, run_id: str, *, expires_at: str) -> None:
    """Say that a run may have made something; before it makes anything."""
    artifacts.write_json(_key(function_name, run_id), {"expires_at": expires_at})


def mark_restored(artifacts: Artifacts, function_name: str, run_id: str) -> None:
    """Say that nothing of a run is left."""
    artifacts.delete(_key(function_name, run_id))


def restore_overdue(
    artifacts: Artifacts, function_name: str, start_restore: Callable[[str], None], *, now: str
) -> tuple[str, ...]:
    """Start ``restore`` for every run of a function that is past its time.

    Args:
        artifacts: The artifact bucket.
        function_name: The function that is about to be tuned.
        start_restore: Starts ``restore`` for a run id.
        now: The time, ISO 8601 in UTC.

    Returns:
        The ids of those runs.
    """
    prefix = _key(function_name, "").removesuffix(".json")
    overdue = []
    for key in artifacts.keys(prefix):
        mark = artifacts.read_json(key)
        if mark is not None and mark["expires_at"] <= now:
            run_id = key.removeprefix(prefix).removesuffix(".json")
            start_restore(run_id)
            overdue.append(run_id)
    return tuple(overdue)


def _key(function_name: str, run_id: str) -> str:
    return f"functions/{function_name}/open/{run_id}.json"
