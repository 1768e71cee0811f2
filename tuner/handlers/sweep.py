"""Sweep: starts ``restore`` for every run that has outlived itself."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from tuner.handlers._entry import artifacts, clones, logger, metrics, now, restorer, tracer
from tuner.steps.sweep import sweep


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Take nothing; give what was restarted, removed and kept, and what ``failed``, by name with its reason."""
    swept = sweep(clones(), artifacts(), restorer(), now=now().isoformat())
    logger.info("swept", **asdict(swept))
    if swept.failed:
        logger.error("not swept", failed=swept.failed)
    # Only news: a custom metric costs $0.30 a month as long as a value is sent, and 0 is a value (docs/money.md).
    news = {name: len(found) for name, found in (("RunsSwept", swept.restarted), ("NotSwept", swept.failed)) if found}
    for name, count in news.items():
        metrics.add_metric(name=name, unit="Count", value=count)
    if news:
        metrics.flush_metrics()
    return {
        "restarted": list(swept.restarted),
        "removed": list(swept.removed),
        "kept": swept.kept,
        "failed": dict(swept.failed),
    }
