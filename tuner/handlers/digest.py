"""Digest: what became of the night's functions, one row each."""

from __future__ import annotations

from tuner.handlers._entry import Context, JsonObject, artifacts, entry
from tuner.steps.write_digest import write_digest


@entry
def handler(event: JsonObject, _: Context) -> JsonObject:
    """Take ``executionName``, ``startedAt``, ``results`` and ``skipped``; give the digest's key and counts."""
    return write_digest(
        artifacts(),
        execution_name=event["executionName"],
        started_at=event["startedAt"],
        results=event["results"],
        skipped=event["skipped"],
    )
