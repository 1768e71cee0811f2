"""Sweep: starts ``restore`` for every run that has outlived itself."""

from __future__ import annotations

from dataclasses import asdict

from tuner.handlers._clones import clones
from tuner.handlers._entry import Context, JsonObject, artifacts, count, entry, logger, now, restorer
from tuner.steps.sweep import sweep


@entry
def handler(_event: JsonObject, _context: Context) -> JsonObject:
    """Take nothing; give what was restarted, removed and kept, and what ``failed``, by name with its reason."""
    swept = sweep(clones(), artifacts(), restorer(), now=now().isoformat())
    logger.info("swept", **asdict(swept))
    if swept.failed:
        logger.error("not swept", failed=swept.failed)
    # Only news: a custom metric costs $0.30 a month as long as a value is sent, and 0 is a value (docs/money.md).
    for name, found in (("RunsSwept", swept.restarted), ("NotSwept", swept.failed)):
        if found:
            count(name, len(found))
    return {
        "restarted": list(swept.restarted),
        "removed": list(swept.removed),
        "kept": swept.kept,
        "failed": dict(swept.failed),
    }
