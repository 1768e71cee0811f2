"""The events of a request: one, or a weighted mix, checked before anything is invoked with them."""

from __future__ import annotations

import json
from typing import Any

from tuner.core.request.reading import shown_json
from tuner.core.request.tuning_request import WeightedPayload, is_weighted_mix

MAX_PAYLOAD_BYTES = 6_291_456
"""Largest request of a synchronous invocation, 6 MB. Source: AWS Lambda quotas, seen 2026-11."""

MAX_PAYLOAD_DEPTH = 250
"""Lists and objects in each other; Python's own reader and copies end at some hundreds."""

MAX_MIX_BYTES = 32 * 2**20
"""Largest object with events: Plan holds it some four times over, as bytes and as values."""

_MAX_WEIGHT = 1_000_000_000


def check_payloads(payload: Any, *, field: str = "payload") -> tuple[tuple[WeightedPayload, ...], list[str]]:
    """Read one event, or a weighted mix of events.

    *field* is how messages call it.

    Returns:
        The events with their weights and no problem; or none and every problem: an
        empty mix, a weight that is no positive number, an event that is not JSON or
        passes 6 MB.

    Example:
        >>> check_payloads({"width": 800})
        ((WeightedPayload(payload={'width': 800}, weight=1.0),), [])
    """
    if not is_weighted_mix(payload):
        problem = _event_problem(payload, field)
        return ((WeightedPayload(payload),), []) if problem is None else ((), [problem])
    if not payload:
        return (), [
            f"{field} is an empty list: a weighted mix needs at least one item "
            f'(for an event that is an empty list write [{{"payload": [], "weight": 1}}])'
        ]
    payloads, problems = [], []
    for index, item in enumerate(payload):
        weight = item["weight"]
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight <= _MAX_WEIGHT:
            problems.append(
                f"{field}[{index}].weight is {shown_json(weight)}: it must be a number above 0, at most {_MAX_WEIGHT:,}"
            )
            continue
        problem = _event_problem(item["payload"], f"{field}[{index}].payload")
        if problem is not None:
            problems.append(problem)
            continue
        payloads.append(WeightedPayload(item["payload"], float(weight)))
    return (tuple(payloads), []) if not problems else ((), problems)


def _event_problem(payload: Any, field: str) -> str | None:
    if nests_deeper(payload, MAX_PAYLOAD_DEPTH):
        return f"{field} is nested deeper than {MAX_PAYLOAD_DEPTH} levels, the limit of what a run can carry"
    try:
        size = len(json.dumps(payload, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode())
    except (ValueError, TypeError, RecursionError):
        # Also a lone surrogate, which UTF-8 cannot carry (UnicodeEncodeError is a ValueError).
        return f"{field} is not JSON: it holds NaN, an infinite number, or something that JSON has no form for"
    if size > MAX_PAYLOAD_BYTES:
        return f"{field} has {size:,} bytes: one invocation takes at most {MAX_PAYLOAD_BYTES:,}"
    return None


def nests_deeper(value: Any, depth: int) -> bool:
    """Whether lists and objects lie in each other more than *depth* deep, however deep that is.

    Example:
        >>> nests_deeper([[1]], 2), nests_deeper([[[1]]], 2)
        (False, True)
    """
    level = [value]
    for _ in range(depth + 1):
        level = [
            child
            for each in level
            if isinstance(each, dict | list)
            for child in ([*each.values(), None] if isinstance(each, dict) else [*each, None])
        ]
        if not level:
            return False
    return True
