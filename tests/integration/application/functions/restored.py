"""Takes a second to initialise, or so many as it is told, and has a hook after a restore."""

from __future__ import annotations

import os
import time
from typing import Any

from snapshot_restore_py import register_after_restore

if "BROKEN" in os.environ:
    raise RuntimeError("BROKEN is set")
time.sleep(float(os.environ.get("INIT_S", "1")))


@register_after_restore
def reconnect() -> None:
    """Stands for a connection that is opened anew."""
    time.sleep(0.05)


def handler(event: Any, context: Any) -> int:
    """Compute for some milliseconds."""
    return sum(range(200_000))
