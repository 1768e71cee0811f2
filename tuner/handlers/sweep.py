"""Sweep: starts ``restore`` for every run that has outlived itself."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from tuner.handlers._entry import artifacts, clones, logger, metrics, now, restorer, tracer
from tuner.steps.sweep import sweep


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Take nothing; give what was restarted, removed and kept, and what ``failed``, by name with its reason."""
    swept = sweep(clones(), artifacts(), restorer(), now=now().isoformat())
    logger.info("swept", **asdict(swept))
    metrics.add_metric(name="RunsSwept", unit="Count", value=len(swept.restarted))
    if swept.failed:
        logger.error("not swept", failed=swept.failed)
    metrics.add_metric(name="NotSwept", unit="Count", value=len(swept.failed))
    return {
        "restarted": list(swept.restarted),
        "removed": list(swept.removed),
        "kept": swept.kept,
        "failed": dict(swept.failed),
    }
