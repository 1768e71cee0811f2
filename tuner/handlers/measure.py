"""Measure: one batch of invocations at one temporary function."""

from __future__ import annotations

import os
import time
from functools import cache

from tuner.aws.clients import INVOKE_MARGIN_S, client, invoke_client
from tuner.aws.invoker import Invoker
from tuner.core.function.target import PROCESSOR_TIMEOUT_S
from tuner.handlers._entry import Context, JsonObject, count, entry, run_artifacts
from tuner.steps.measure import measure


@cache
def _invoker(timeout_s: int) -> Invoker:
    return Invoker(
        invoke_client(timeout_s),
        client("logs"),
        invoke_client(PROCESSOR_TIMEOUT_S - INVOKE_MARGIN_S),
        log_group=os.environ["TUNER_CLONE_LOG_GROUP"],
    )


@entry
def handler(event: JsonObject, _: Context) -> JsonObject:
    """Take ``runId`` and ``batch``; give ``measured``, the count of invocations."""
    batch = event["batch"]
    measured = measure(
        run_artifacts(event["runId"]), _invoker, int(batch["round"]), int(batch["trial"]), sleep=time.sleep
    )
    count("Invocations", measured)
    return {"measured": measured}
