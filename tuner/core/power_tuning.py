"""AWS Lambda Power Tuning's input and output in our terms: sizes, events, notes, and the fields that it returns.

``docs/coming-from-power-tuning.md`` says field by field what is the same. What
its fields mean was read in its code and README-INPUT-OUTPUT.md, seen 2026-11.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any

from tuner.core.errors import PriceUnknown
from tuner.core.memory_sizes import check_memory
from tuner.core.model import (
    Candidate,
    ConfigurationEstimate,
    Invocation,
    Observation,
    Recommendation,
    SearchProblem,
)
from tuner.core.pricing import invocation_cost_usd, transition_price_usd
from tuner.core.tuning_request import MemorySpec, PowerTuning, WeightedPayload, check_payloads

DEFAULT_SIZES_MB = (128, 256, 512, 1024, 1536, 3008)
"""What it measures where no ``powerValues`` are given: the default of its template's parameter."""
EVERY_SIZE_MB = tuple(range(128, 3_009, 64))
"""What it measures for ``"powerValues": "ALL"``."""


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
    """Count an error that the request allows as the answer that it is, where it was measured.

    Time-outs and running out of memory are never allowed: they are facts about the size.
    """
    return [
        replace(invocation, outcome="ok")
        if invocation.outcome == "function_error"
        and invocation.error_type in allowed_exceptions
        and invocation.duration_ms is not None
        and invocation.billed_ms is not None
        else invocation
        for invocation in invocations
    ]


def input_notes(given: PowerTuning) -> list[str]:
    """What is done in place of fields that are accepted and have no effect of their own, each as a sentence."""
    notes = []
    if given.discard_top_bottom is not None:
        notes.append(
            "discardTopBottom: no invocation is discarded. A cold start is known by its own record and kept apart; "
            "slow warm invocations happen in production too, and count."
        )
    if given.only_cold_starts:
        notes.append(
            "onlyColdStarts: invocations go to the same environments one after the other, and the recommendation is "
            "for warm ones; the first of each environment is a cold start and shown apart, as coldStartMs. "
            "Give coldStartShare to let cold starts count in cost and duration."
        )
    return notes


def design_notes(problem: SearchProblem, recommendation: Recommendation, counts: Mapping[Candidate, int]) -> list[str]:
    """Which sizes of a fixed design were not invoked as often as asked, and why, each as a sentence."""
    if problem.design is None:
        return []
    asked = problem.design.invocation_count
    reasons = {row.candidate: row.infeasible_reason for row in recommendation.configurations}
    notes = []
    for candidate in problem.design.candidates:
        made, reason = counts.get(candidate, 0), reasons.get(candidate)
        if made < asked:
            why = f": {reason}" if reason else ", because the run ended before"
            notes.append(f"{candidate} was invoked {made} of {asked} times{why}.")
    return notes


def transition_count(round_count: int, batch_count: int) -> int:
    """State transitions of a run that ended well, without retries; ``docs/state-machine.md`` counts the states."""
    return 7 + 4 * round_count + batch_count


def output_fields(
    problem: SearchProblem,
    observations: Sequence[Observation],
    recommended: ConfigurationEstimate,
    *,
    region: str,
    transitions: int,
    with_stats: bool,
) -> dict[str, Any]:
    """The fields that it returns: the chosen size with its averages, what the run cost, and a row for each size.

    Averages are of the warm, successful, measured invocations at a size, so
    that each can be recomputed from the observations. Only where the chosen
    size has none are they the model's estimates. Cost holds the request, which
    its own leaves out.

    Args:
        problem: The run.
        observations: All that was measured.
        recommended: The chosen configuration.
        region: Whose state machine runs; its price of a transition is used.
        transitions: State transitions of the run.
        with_stats: Whether the rows are asked for.
    """
    averages = {candidate: _averages(problem, observations, candidate) for candidate in problem.candidates}
    average_usd, average_ms = averages[recommended.candidate] or _estimates(recommended)
    try:
        execution_usd = transitions * transition_price_usd(region)
    except PriceUnknown:
        execution_usd = None
    fields: dict[str, Any] = {
        "power": recommended.candidate.memory_mb,
        "cost": average_usd,
        "duration": average_ms,
        "stateMachine": {
            "executionCost": execution_usd,
            "lambdaCost": sum(
                _billed_usd(problem, observation.candidate, invocation)
                for observation in observations
                for invocation in observation.invocations
            ),
        },
    }
    if with_stats:
        several = len({candidate.architecture for candidate in problem.candidates}) > 1
        fields["stats"] = [
            {
                "value": candidate.memory_mb,
                **({"architecture": candidate.architecture} if several else {}),
                "averagePrice": found[0],
                "averageDuration": found[1],
            }
            for candidate, found in averages.items()
            if found is not None
        ]
    return fields


def _averages(
    problem: SearchProblem, observations: Sequence[Observation], candidate: Candidate
) -> tuple[float, float] | None:
    """Mean cost and mean duration of the warm invocations at a candidate; ``None`` where there is none."""
    warm = [
        invocation
        for observation in observations
        if observation.candidate == candidate
        for invocation in observation.invocations
        if invocation.outcome == "ok" and not invocation.cold
    ]
    durations_ms = [invocation.duration_ms for invocation in warm if invocation.duration_ms is not None]
    if not durations_ms:
        return None
    return fmean(_billed_usd(problem, candidate, invocation) for invocation in warm), fmean(durations_ms)


def _estimates(row: ConfigurationEstimate) -> tuple[float | None, float | None]:
    cost, duration = row.cost_per_million_usd, row.duration_ms.get("mean")
    return None if cost is None else cost.estimate / 1e6, None if duration is None else duration.estimate


def _billed_usd(problem: SearchProblem, candidate: Candidate, invocation: Invocation) -> float:
    """What one invocation cost; without a record, as if it had run into the time-out."""
    return invocation_cost_usd(
        candidate.memory_mb,
        problem.timeout_ms if invocation.billed_ms is None else invocation.billed_ms,
        problem.prices[candidate.architecture],
        ephemeral_storage_mb=problem.ephemeral_storage_mb,
    )
