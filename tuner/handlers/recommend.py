"""Recommend: the cheapest size that meets the goal, and how sure that is."""

from __future__ import annotations

from aws_lambda_powertools.utilities.typing import LambdaContext

from tuner.handlers._entry import JsonObject, entry, run_artifacts
from tuner.steps.recommend import recommend_for


@entry
def handler(event: JsonObject, _: LambdaContext) -> JsonObject:
    """Take ``runId``; give ``verdict``."""
    return {"verdict": recommend_for(run_artifacts(event["runId"]))}
