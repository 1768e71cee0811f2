"""AWS Lambda Power Tuning's input in our terms: sizes, events, errors that are answers, and what bounds such a run.

``docs/coming-from-power-tuning.md`` says field by field what is the same. What
its fields mean was read in its code and README-INPUT-OUTPUT.md, seen 2026-11.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tuner.core.model import Invocation, SearchProblem, TuningBudget
from tuner.core.money.pricing import candidate_cost_usd, copy_cost_usd, restore_cost_usd
from tuner.core.request.memory_sizes import check_memory
from tuner.core.request.tuning_request import MemorySpec, WeightedPayload, check_payloads

DEFAULT_SIZES_MB = (128, 256, 512, 1024, 1536, 3008)
"""What it measures where no ``powerValues`` are given: the default of its template's parameter."""
EVERY_SIZE_MB = tuple(range(128, 3_009, 64))
"""What it measures for ``"powerValues": "ALL"``."""

_HAIR = 1.001
"""So that sums which are equal on paper fit."""
_BESIDES_MINUTES = 30.0
"""For clones and rounds, beside the invocations."""


def read_event(payload: Any) -> Any:
    """Read an event as it does: a text that is JSON is sent as it is, so the function sees what it says.

    Example:
        >>> read_event('{"a": 1}'), read_event("plain"), read_event({"b": 2})
        ({'a': 1}, 'plain', {'b': 2})
    """
    if not isinstance(payload, str):
        return payload
    try:
        return json.loads(payload)
    except (ValueError, RecursionError):
        return payload


def whole_numbers(given: Any) -> Any:
    """Read texts of digits as numbers, by themselves and in a list, as it does; anything else is left as it is.

    Example:
        >>> whole_numbers("50"), whole_numbers(["128", 256, "x"]), whole_numbers("ALL")
        (50, [128, 256, 'x'], 'ALL')
    """
    if isinstance(given, list):
        return [whole_numbers(item) if isinstance(item, str) else item for item in given]
    if isinstance(given, str) and given.isascii() and given.isdigit() and len(given) <= 9:
        return int(given)
    return given


def design_sizes(spec: Any, *, field: str) -> tuple[MemorySpec | None, list[str]]:
    """The memory sizes of a fixed design: those listed, or its own where none are.

    Args:
        spec: What the request gives, ``None`` where it gives nothing.
        field: How messages call it.

    Returns:
        The sizes and no problem, or ``None`` and every problem.
    """
    if spec is None or spec == []:
        return DEFAULT_SIZES_MB, []
    if spec == "ALL":
        return EVERY_SIZE_MB, []
    if isinstance(spec, Mapping):
        return None, [f"{field} is a range and num is given: num invokes each size so often, list the sizes"]
    return check_memory(spec, field=field)


def design_budget(problem: SearchProblem) -> TuningBudget:
    """Bound a run by its fixed design: what that takes at its worst is enough; unchanged where there is none.

    A bound that the user gave, or a request's own, stays where it is lower.
    The worst is every invocation running into the time-out after a full init,
    one after the other.
    """
    design, budget = problem.design, problem.budget
    if design is None:
        return budget
    worst_usd = sum(
        copy_cost_usd(problem, each)
        + design.invocation_count
        * (candidate_cost_usd(problem, each, problem.worst_ms) + restore_cost_usd(problem, each))
        for each in design.candidates
    )
    count = design.invocation_count * len(design.candidates)
    return TuningBudget(
        max_invocations=min(budget.max_invocations, count),
        max_cost_usd=min(budget.max_cost_usd, worst_usd * _HAIR),
        max_minutes=min(budget.max_minutes, count * problem.worst_ms / 60_000 + _BESIDES_MINUTES),
    )


def check_its_payloads(
    payload: Any, num: int, *, field: str = "payload"
) -> tuple[tuple[WeightedPayload, ...], list[str]]:
    """Validate one event or a weighted mix in its reading.

    A mix is a list whose every item has ``payload`` and ``weight``, whatever
    else it has; an empty list is an event.

    Args:
        payload: Any JSON value.
        num: Invocations at each memory size; each event of a mix must get one of them.
        field: How messages call it.

    Returns:
        The events with their weights and no problem, or none and every problem.
    """
    is_mix = (
        isinstance(payload, list)
        and bool(payload)
        and all(isinstance(item, Mapping) and {"payload", "weight"} <= item.keys() for item in payload)
    )
    if not is_mix:
        event = read_event(payload)
        # A list is wrapped, so that it is not taken for a mix.
        return check_payloads([{"payload": event, "weight": 1}] if isinstance(event, list) else event, field=field)
    items = [{"payload": read_event(item["payload"]), "weight": item["weight"]} for item in payload]
    payloads, problems = check_payloads(items, field=field)
    if problems:
        return (), problems
    if num < len(payloads):
        return (), [
            f"{field} has {len(payloads)} events and num is {num}: each must be invoked at least once at each size, "
            "raise num"
        ]
    total = sum(item.weight for item in payloads)
    problems = [
        f"{field}[{index}].weight is {item.weight:g} of {total:g} and num is {num}: it would not be invoked once "
        "at each size, raise num or the weight"
        for index, item in enumerate(payloads)
        if item.weight * num < total
    ]
    return ((), problems) if problems else (payloads, [])


def accept_allowed(invocations: Sequence[Invocation], allowed_exceptions: Sequence[str]) -> list[Invocation]:
    """Count an error that the request allows as the answer that it is, where it was measured; its traceback and log go.

    Time-outs and running out of memory are never allowed: they are facts about the size.
    """
    return [
        replace(invocation, outcome="ok", error_frames=(), log_tail=())
        if invocation.outcome == "function_error"
        and invocation.error_type in allowed_exceptions
        and invocation.duration_ms is not None
        and invocation.billed_ms is not None
        else invocation
        for invocation in invocations
    ]
