"""What is known of a run that has no report: it is still going on, or it was cut off."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from tuner.cli.store import ArtifactReader, FolderArtifacts
from tuner.core.foreign_text import visible
from tuner.core.run.bucket_layout import OBSERVATIONS, RECORD, run_key


def what_is_known(artifacts: ArtifactReader, run_id: str) -> tuple[str, str] | None:
    """Say what a run without a report has written, and what to do; ``None`` if it has written nothing."""
    keys = list(artifacts.keys(run_key(run_id)))
    if not keys:
        return None
    record = _object(artifacts, run_key(run_id, RECORD))
    target = record.get("target")
    name = target.get("name") if isinstance(target, Mapping) else None
    subject = f"The run {run_id}" + (f" of {visible(str(name))}" if name else "")
    begun = f", started {visible(str(record['started_at']))}," if record.get("started_at") else ""
    journals = [_object(artifacts, key) for key in keys if key.startswith(run_key(run_id, OBSERVATIONS))]
    count = sum(started for each in journals if isinstance(started := each.get("started"), int))
    made = f"It had made {count:,} invocation{'' if count == 1 else 's'}."
    if isinstance(artifacts, FolderArtifacts) and not _is_home_in_use(artifacts):
        return (
            f"{subject}{begun} has no report: the embedded AWS ended before it did. {made}",
            "Run the same command again: it starts over.",
        )
    return (
        f"{subject}{begun} has no report: it is still going on, or it was cut off. {made}",
        "Look again later. If nothing has changed by then, start a new one.",
    )


def _object(artifacts: ArtifactReader, key: str) -> Mapping[str, Any]:
    try:
        found = artifacts.read_json(key)
    except ValueError:
        return {}
    return found if isinstance(found, Mapping) else {}


def _is_home_in_use(artifacts: FolderArtifacts) -> bool:
    if sys.platform == "win32":
        return False
    from tuner.embedded.locks import IN_USE, is_held

    return is_held(artifacts.folder.parent / IN_USE)
