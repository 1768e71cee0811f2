"""Recommend: the cheapest size that meets the goal, and how sure that is."""

from __future__ import annotations

from tuner.handlers._entry import Context, JsonObject, entry, run_artifacts
from tuner.steps.recommend import recommend_for


@entry
def handler(event: JsonObject, _: Context) -> JsonObject:
    """Take ``runId``; give ``verdict``."""
    return {"verdict": recommend_for(run_artifacts(event["runId"]))}
