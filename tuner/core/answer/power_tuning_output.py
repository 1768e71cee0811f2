"""What a run says in AWS Lambda Power Tuning's own terms: its output's fields, and notes on what is done otherwise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean

from tuner.core.answer.recommendation import ConfigurationEstimate, Recommendation
from tuner.core.answer.report import PowerTuningOutput, RunCost, SizeAverages
from tuner.core.errors import PriceUnknown
from tuner.core.model import Batch, Candidate, Observation, SearchProblem, invocations_of
from tuner.core.money.pricing import candidate_cost_usd, transition_price_usd
from tuner.core.money.spending import spent_usd
from tuner.core.request.tuning_request import PowerTuning
from tuner.core.run.record import Outside


def input_notes(given: PowerTuning) -> list[str]:
    """What the run does instead for fields that are accepted without effect, each as a sentence."""
    notes = []
    if given.discard_top_bottom is not None:
        notes.append(
            "discardTopBottom: no invocation is discarded. A cold start is known by its own record and kept apart; "
            "slow warm invocations happen in production too, and count."
        )
    if given.only_cold_starts:
        notes.append(
            "onlyColdStarts: invocations go to the same environments one after the other, and the recommendation is "
            "for warm ones; the first of each environment is a cold start, shown separately as coldStartMs. "
            "Give coldStarts to measure more of them, and coldStartShare to let them count in cost and duration."
        )
    return notes


def design_notes(
    problem: SearchProblem, observations: Sequence[Observation], recommendation: Recommendation
) -> list[str]:
    """Which sizes of a fixed design were not invoked as often as asked, and why, each as a sentence."""
    if problem.design is None:
        return []
    asked = problem.design.invocation_count
    reasons = {row.candidate: row.infeasible_reason for row in recommendation.configurations}
    notes = []
    for candidate in problem.design.candidates:
        made, reason = len(invocations_of(observations, candidate)), reasons.get(candidate)
        if made < asked:
            why = f": {reason}" if reason else ", because the run ended before"
            notes.append(f"{candidate} was invoked {made} of {asked} times{why}.")
    return notes


def outside_note(memory_mb: int, reason: str) -> str:
    """Say of a size that was asked for that it was not invoked, and why.

    The reason is a clause, with or without its subject.

    Example:
        >>> outside_note(3008, "is above the largest size that can be measured here, 1,024 MB")
        '3,008 MB was not invoked: it is above the largest size that can be measured here, 1,024 MB.'
    """
    return f"{memory_mb:,} MB was not invoked: it {reason.removeprefix('it ')}."


def transition_count(round_count: int, batch_count: int) -> int:
    """State transitions of a run that ended well, without retries; ``docs/state-machine.md`` counts the states."""
    return 7 + 4 * round_count + batch_count


def power_tuning_output(
    problem: SearchProblem,
    observations: Sequence[Observation],
    recommendation: Recommendation,
    given: PowerTuning,
    *,
    region: str,
    rounds: Sequence[Sequence[Batch]],
    outside: Sequence[Outside] = (),
) -> PowerTuningOutput:
    """The chosen size with its averages, what the run cost, and a row for each size.

    Averages are of the warm, successful, measured invocations at a size, so
    that each can be recomputed from the observations. Only where the chosen
    size has none are they the model's estimates. Cost holds the request, which
    its own leaves out. *region* is whose price of a transition is used; *outside* are sizes that were asked for and are
    not part of the space.
    """
    recommended = recommendation.recommended
    transitions = transition_count(len(rounds), sum(map(len, rounds)))
    averages = {candidate: _averages(problem, observations, candidate) for candidate in problem.candidates}
    average_usd, average_ms = averages[recommended.candidate] or _estimates(recommended)
    try:
        # Prices have at most nine decimals: more are the binary fraction's.
        execution_usd = round(transitions * transition_price_usd(region), 10)
    except PriceUnknown:
        execution_usd = None
    several = len({candidate.architecture for candidate in problem.candidates}) > 1
    rows = tuple(
        SizeAverages(
            value=candidate.memory_mb,
            architecture=candidate.architecture if several else None,
            average_price=found[0],
            average_duration=found[1],
        )
        for candidate, found in averages.items()
        if found is not None
    )
    return PowerTuningOutput(
        given.strategy,
        (
            *input_notes(given),
            *design_notes(problem, observations, recommendation),
            *(outside_note(row.memory_mb, row.reason) for row in outside if problem.design is not None),
        ),
        recommended.candidate.memory_mb,
        average_usd,
        average_ms,
        RunCost(execution_usd, spent_usd(problem, observations)),
        rows if given.include_output_results else None,
    )


def _averages(
    problem: SearchProblem, observations: Sequence[Observation], candidate: Candidate
) -> tuple[float, float] | None:
    """Mean cost and mean duration of the warm invocations at a candidate; ``None`` if there is none."""
    measured = [
        (each.duration_ms, each.billed_ms)
        for each in invocations_of(observations, candidate)
        if each.outcome == "ok" and not each.cold and each.duration_ms is not None
    ]
    if not measured:
        return None
    average_usd = fmean(
        candidate_cost_usd(problem, candidate, math.ceil(duration_ms) if billed_ms is None else billed_ms)
        for duration_ms, billed_ms in measured
    )
    return average_usd, fmean(duration_ms for duration_ms, _ in measured)


def _estimates(row: ConfigurationEstimate) -> tuple[float | None, float | None]:
    cost, duration = row.cost_per_million_usd, row.duration_ms.get("mean")
    return None if cost is None else cost.estimate / 1e6, None if duration is None else duration.estimate
