"""A pre-processor."""

from __future__ import annotations

from typing import Any


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Make the event ready, unless it asks for a failure."""
    if event.get("broken"):
        raise KeyError("no table")
    return {**event, "ready": True}
