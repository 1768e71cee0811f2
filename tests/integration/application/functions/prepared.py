"""Works only on what its pre-processor has prepared."""

from __future__ import annotations

from typing import Any


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Spin a little where the event is ready."""
    if event.get("ready") is not True:
        raise ValueError("nobody prepared this")
    return {"sum": sum(range(20_000))}
