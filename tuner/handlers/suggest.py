"""Suggest: what to measure next."""

from __future__ import annotations

from tuner.handlers._entry import Context, JsonObject, entry, logger, now, run_artifacts
from tuner.steps.suggest import suggest_round


@entry
def handler(event: JsonObject, _: Context) -> JsonObject:
    """Take ``runId``; give ``done``, ``round``, ``count`` and ``batches``."""
    round_number, batches = suggest_round(run_artifacts(event["runId"]), now=now())
    rows = [
        {
            "round": batch.round,
            "trial": batch.trial,
            "memoryMb": batch.candidate.memory_mb,
            "architecture": batch.candidate.architecture,
        }
        for batch in batches
    ]
    logger.info("suggested", round=round_number, batches=rows)
    return {"done": not rows, "round": round_number, "count": len(rows), "batches": rows}
