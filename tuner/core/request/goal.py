"""A latency goal in one word, as people type it and as a function's tag holds it."""

from __future__ import annotations

import re

from tuner.core.errors import InvalidRequest

_GOAL = re.compile(r"p(?P<percentile>\d{1,2}(?:\.\d+)?)\s*(?:=|<=|≤|<)\s*(?P<limit>\d+(?:\.\d+)?)\s*(?P<unit>ms|s)")


def parse_goal(text: str, *, field: str = "goal") -> dict[str, float]:
    """Read ``p95=300ms`` or ``p99.9=1.5s`` into the input's ``goal``.

    *field* is how messages call it.

    Raises:
        InvalidRequest: It is not a goal; shows what one looks like.

    Example:
        >>> parse_goal("p95=0.3s")
        {'percentile': 95.0, 'limitMs': 300.0}
    """
    found = _GOAL.fullmatch(text.strip().lower())
    if found is None:
        meant = f"{text.strip()}ms" if _GOAL.fullmatch(f"{text.strip().lower()}ms") else "p95=300ms"
        raise InvalidRequest(
            [f'{field} is "{text}": write it as {meant} (a percentile from 50 to 99.9, then a limit in ms or s)']
        )
    limit_ms = round(float(found["limit"]) * (1000 if found["unit"] == "s" else 1), 6)
    return {"percentile": float(found["percentile"]), "limitMs": limit_ms}
