"""AWS Lambda Power Tuning's input, translated into a request once: names, sizes, events; and what bounds such a run.

``docs/coming-from-power-tuning.md`` says field by field what is the same. What
its fields mean was read in its code and README-INPUT-OUTPUT.md, seen 2026-11.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Annotated, Any

from tuner.core.errors import InvalidRequest
from tuner.core.model import SearchProblem, TuningBudget
from tuner.core.money.pricing import candidate_cost_usd, clone_cost_usd, restore_cost_usd
from tuner.core.request.fields import Asked, fields_of
from tuner.core.request.reading import Problems, read_fields, shown_json
from tuner.core.request.tuning_request import MemoryRange, PowerTuning, TuningRequest, WeightedPayload

DEFAULT_SIZES_MB = (128, 256, 512, 1024, 1536, 3008)
"""What it measures if no ``powerValues`` are given: the default of its template's parameter."""
EVERY_SIZE_MB = tuple(range(128, 3_009, 64))
"""What it measures for ``"powerValues": "ALL"``."""


@dataclass(frozen=True, slots=True)
class PowerTuningInput(PowerTuning):
    """Every field of its input that has another name here, is refused, or has no effect; beside what a run keeps."""

    power_values: Annotated[Any, Asked("Its name of `memory`; give one of them.")] = None
    sleep_between_runs_ms: Annotated[
        int | None, Asked("Its name of `sleepBetweenInvocationsMs`; give one of them.")
    ] = None
    auto_optimize: Annotated[bool, Asked("`true` is refused: no run changes the function.")] = False
    auto_optimize_alias: Annotated[str | None, Asked("Refused, unless `autoOptimize` is `false`.")] = None
    disable_payload_logs: Annotated[bool, Asked("Accepted. Payloads are never logged.")] = False


POWER_TUNING_FIELDS = tuple(fields_of(PowerTuningInput))
"""Fields that only AWS Lambda Power Tuning has; if one is given, the output has its fields too.

Source: its README-INPUT-OUTPUT.md and, for ``allowedExceptions``, pull request 282; seen 2026-11.
"""
_OUR_NAMES = {"powerValues": "memory", "sleepBetweenRunsMs": "sleepBetweenInvocationsMs"}
MOST_COPIES = 2_000
"""Temporary functions of one run with ``num``: an execution has at most 25,000 events, seven of them for each, and a
row for each must fit 256 KiB of output. Source: AWS Step Functions quotas, seen 2026-11."""
_WIDEST_BUDGET = {name: each.asked.at_most or 0 for name, each in fields_of(TuningBudget).items()}

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


def translate(given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any] | None, Mapping[str, str]]:
    """Translate an input in its dialect into a request.

    The input comes without fields that are ``null``.

    Returns:
        The input in our language; the fields of its own that remain, ``None``
        if there was none; and its names of our fields, for messages.
    """
    ours = {name: value for name, value in given.items() if name not in POWER_TUNING_FIELDS}
    own = {name: value for name, value in given.items() if name in POWER_TUNING_FIELDS}
    if not own:
        return ours, None, {}
    renamed = {our: name for name, our in _OUR_NAMES.items() if name in own and our not in ours}
    ours |= {our: whole_numbers(own.pop(name)) for our, name in renamed.items()}
    if "num" in own:
        own["num"] = whole_numbers(own["num"])
        ours.setdefault("parallelInvocation", False)
        sizes = ours.get("memory", [])
        ours["memory"] = EVERY_SIZE_MB if sizes == "ALL" else DEFAULT_SIZES_MB if sizes == [] else sizes
        if "payloadS3" not in ours or "payload" in ours:
            ours["payload"] = read_events(ours.get("payload", {}))
        if isinstance(ours.get("budget", {}), dict):
            budget = {name: value for name, value in ours.get("budget", {}).items() if value is not None}
            ours["budget"] = _WIDEST_BUDGET | budget
    return ours, own, renamed


def read_own(own: dict[str, Any], values: Mapping[str, Any], problems: Problems) -> PowerTuning:
    """Read what has no counterpart of ours, and refuse what cannot be done.

    *values* is the rest of the request, as far as it can be read, by its attributes.
    """
    for name in own.keys() & _OUR_NAMES.keys():
        problems.add(_OUR_NAMES[name], f"and {name} are both given: they are two names of one field, give one of them")
    asked = {name: value for name, value in own.items() if name not in _OUR_NAMES}
    found = read_fields(PowerTuningInput, asked, problems)
    unsupported = "is not supported: no run changes {}; leave it out and apply the recommended size yourself"
    if found.get("auto_optimize"):
        problems.add("autoOptimize", unsupported.format("the function"))
    elif found.get("auto_optimize_alias") and "autoOptimize" not in own:  # with false beside it, it means nothing
        problems.add("autoOptimizeAlias", unsupported.format("an alias"))
    if values.get("goal") is not None and found.get("strategy") in ("speed", "balanced"):
        problems.add(
            "strategy",
            f"is {shown_json(found['strategy'])} and a goal is given: with a goal, the answer is the cheapest size "
            "that meets it; leave one of them out",
        )
    if (num := found.get("num")) is not None:
        if isinstance(values.get("memory"), MemoryRange):
            problems.add("memory", "is a range and num is given: num invokes each size that often, list the sizes")
        problems.extend("payload", uninvoked(values.get("payloads") or (), num))
    return PowerTuning(**{each.name: found[each.name] for each in fields(PowerTuning) if each.name in found})


def bounded_by_design(request: TuningRequest) -> TuningRequest:
    """The request with the budget that its fixed design takes, if it has one.

    Raises:
        InvalidRequest: The design takes more than a run may, or than the budget that the user gave.
    """
    if request.num is None or isinstance(request.memory, MemoryRange):
        return request
    sizes = len(request.memory) * len(request.architectures or ("the function's own",))
    asked, given, most = request.num * sizes, request.budget.max_invocations, int(_WIDEST_BUDGET["maxInvocations"])
    problems = []
    if asked > most:
        problems.append(
            f"num is {request.num} at {sizes} sizes: a run makes at most {most:,} invocations, and these are {asked:,}"
        )
    if sizes > MOST_COPIES:
        problems.append(
            f"num is {request.num} at {sizes:,} sizes: a run makes at most {MOST_COPIES:,} clones, "
            "list fewer sizes or leave num out"
        )
    if given < min(asked, most):
        problems.append(
            f"budget.maxInvocations is {given}: num is {request.num} at {sizes} sizes, which takes {asked:,}, "
            "leave it out or lower num"
        )
    if problems:
        raise InvalidRequest(problems)
    return replace(request, budget=replace(request.budget, max_invocations=asked))


def design_budget(problem: SearchProblem) -> TuningBudget:
    """Bound a run by its fixed design: what that takes at its worst is enough; unchanged if there is none.

    A bound that the user gave, or a request's own, stays if it is lower.
    The worst is every invocation running into the timeout after a full init,
    one after the other.
    """
    design, budget = problem.design, problem.budget
    if design is None:
        return budget
    worst_usd = sum(
        clone_cost_usd(problem, each)
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


def read_events(payload: Any) -> Any:
    """Read one event or a weighted mix as it does, into ours.

    A mix is a list whose every item has ``payload`` and ``weight``, whatever
    else it has; an empty list is an event.
    """
    is_mix = (
        isinstance(payload, list)
        and bool(payload)
        and all(isinstance(item, Mapping) and {"payload", "weight"} <= item.keys() for item in payload)
    )
    if is_mix:
        return [{"payload": read_event(item["payload"]), "weight": item["weight"]} for item in payload]
    event = read_event(payload)
    # A list is wrapped, so that it is not taken for a mix.
    return [{"payload": event, "weight": 1}] if isinstance(event, list) else event


def uninvoked(payloads: Sequence[WeightedPayload], num: int, *, field: str = "payload") -> list[str]:
    """Why *num* invocations at each size do not reach each event of a mix."""
    if num < len(payloads):
        return [
            f"{field} has {len(payloads)} events and num is {num}: each must be invoked at least once at each size, "
            "raise num"
        ]
    total = sum(item.weight for item in payloads)
    return [
        f"{field}[{index}].weight is {item.weight:g} of {total:g} and num is {num}: it would not be invoked once "
        "at each size, raise num or the weight"
        for index, item in enumerate(payloads)
        if item.weight * num < total
    ]
