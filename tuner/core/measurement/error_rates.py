"""Errors of the function's own code: how often each size failed, and whether that depends on the size."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tuner.core.foreign_text import one_line
from tuner.core.model import Candidate, Observation, invocations_of

_CHANCE = 0.01
"""So improbable must a difference be, over all sizes together, if all failed alike."""
_MOST_SIZES = 6
_MESSAGE_CHARACTERS = 160


@dataclass(frozen=True, slots=True)
class ErrorRate:
    """How many of a size's invocations failed; timeouts, memory and lost records are not counted."""

    failed: int = 0
    invocations: int = 0


def error_rates(observations: Sequence[Observation]) -> dict[Candidate, ErrorRate]:
    """The error rate of each size that ran, smallest first."""
    outcomes: dict[Candidate, Counter[str]] = {}
    for observation in observations:
        counter = outcomes.setdefault(observation.candidate, Counter())
        counter.update(invocation.outcome for invocation in observation.invocations)
    return {
        candidate: ErrorRate(seen["function_error"], seen["function_error"] + seen["ok"])
        for candidate, seen in sorted(outcomes.items())
        if seen["function_error"] + seen["ok"]
    }


def sizes_that_fail_more(rates: Mapping[Candidate, ErrorRate]) -> dict[Candidate, ErrorRate]:
    """The sizes that fail more often than the others, each with the rate of the others.

    One-sided exact test of Fisher ("On the interpretation of χ² from
    contingency tables", 1922), corrected for the number of sizes (Bonferroni):
    an error that comes with any size at the same rate is found in fewer than 1
    of 100 runs.
    """
    failed = sum(rate.failed for rate in rates.values())
    invocations = sum(rate.invocations for rate in rates.values())
    found = {}
    for candidate, rate in rates.items():
        at_random = sum(
            math.comb(rate.invocations, count) * math.comb(invocations - rate.invocations, failed - count)
            for count in range(rate.failed, min(rate.invocations, failed) + 1)
        ) / math.comb(invocations, failed)
        if rate.failed and at_random * len(rates) < _CHANCE:
            found[candidate] = ErrorRate(failed - rate.failed, invocations - rate.invocations)
    return found


def error_sentences(observations: Sequence[Observation]) -> tuple[str, ...]:
    """What a reader has to know of the function's errors; nothing if there were none."""
    rates = error_rates(observations)
    failing = {candidate: rate for candidate, rate in rates.items() if rate.failed}
    if not failing:
        return ()
    kinds = Counter(
        f"{invocation.error_type or 'an error'}: {invocation.error_message or 'no message'}"
        for invocation in invocations_of(observations)
        if invocation.outcome == "function_error"
    )
    commonest = one_line(kinds.most_common(1)[0][0], limit=_MESSAGE_CHARACTERS)
    worst_first = sorted(failing, key=lambda candidate: -failing[candidate].failed / failing[candidate].invocations)
    listed = [_of_size(candidate, failing[candidate]) for candidate in worst_first[:_MOST_SIZES]]
    if len(worst_first) > _MOST_SIZES:
        listed.append(f"some at {len(worst_first) - _MOST_SIZES} more sizes")
    failed, all_of_them = sum(rate.failed for rate in rates.values()), sum(rate.invocations for rate in rates.values())
    others = f", and {len(kinds) - 1} other {'error' if len(kinds) == 2 else 'errors'}" if len(kinds) > 1 else ""
    return (
        f"The function failed in {failed} of {all_of_them} invocations: {', '.join(listed)} ({commonest}{others}).",
        *(
            f"It fails more often at {candidate} than at the other sizes, "
            f"{rates[candidate].failed} of {rates[candidate].invocations} against "
            f"{rest.failed} of {rest.invocations}: the error depends on the size."
            for candidate, rest in sizes_that_fail_more(rates).items()
        ),
    )


def _of_size(candidate: Candidate, rate: ErrorRate) -> str:
    return f"{rate.failed} of {rate.invocations} at {candidate}"
