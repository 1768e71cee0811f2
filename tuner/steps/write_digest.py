"""WriteDigest: what became of the night's functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tuner.aws.artifacts import Artifacts
from tuner.core.answer.night import read_night
from tuner.core.run.bucket_layout import digest_key
from tuner.report.digest import render_digest_html


def write_digest(
    artifacts: Artifacts,
    *,
    execution_name: str,
    started_at: str,
    results: Sequence[Mapping[str, Any]],
    skipped: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """Write ``fleet/<date>.html`` and ``.json``: one row a function.

    Returns:
        The digest's key and counts.
    """
    digest = {
        "schemaVersion": 1,
        "executionName": execution_name,
        "startedAt": started_at,
        "functions": [dict(row) for row in results],
        "skipped": [dict(row) for row in skipped],
    }
    night = read_night(execution_name, started_at, results, skipped)
    page_key = digest_key(started_at[:10], "html")
    artifacts.write_json(digest_key(started_at[:10], "json"), digest)
    artifacts.write(page_key, render_digest_html(night).encode())
    return {"key": page_key, "tuned": len(night.tuned), "failed": len(night.failed), "skipped": len(night.skipped)}
