"""Facts about sizes: which candidates can no longer be recommended or asked for, and why."""

from __future__ import annotations

from collections.abc import Sequence

from tuner.core.measurement.error_rates import error_rates, sizes_that_fail_more
from tuner.core.model import Architecture, Candidate, Observation, RunContext, SearchProblem

MEMORY_HEADROOM_RATIO = 0.9
"""A size whose peak memory passes this share of it is never recommended."""


def ruled_out(problem: SearchProblem, observations: Sequence[Observation], context: RunContext) -> dict[Candidate, str]:
    """The reason for every candidate that cannot be used; the others are absent.

    Out of memory rules out the size and all smaller ones. A timeout rules out
    the size and the smaller ones down to one that was seen to end in time. A
    throttle or a lost log says nothing. The peak memory that was used gives a
    floor with headroom. The account's cap clips the space. Errors of the
    function rule out a size that fails more often than not, or more often than
    the other sizes do.
    """
    reasons: dict[Candidate, str] = {}
    for candidate in problem.candidates:
        if context.memory_cap_mb is not None and candidate.memory_mb > context.memory_cap_mb:
            reasons[candidate] = f"above the {context.memory_cap_mb:,} MB that can be used here"
    for architecture in {candidate.architecture for candidate in problem.candidates}:
        of_it = [candidate for candidate in problem.candidates if candidate.architecture == architecture]
        seen = [observation for observation in observations if observation.candidate.architecture == architecture]
        for candidate, reason in _of_architecture(architecture, of_it, seen).items():
            reasons.setdefault(candidate, reason)
    rates = error_rates(observations)
    for candidate, others in sizes_that_fail_more(rates).items():
        rate = rates[candidate]
        reasons.setdefault(
            candidate,
            f"failed in {rate.failed} of {rate.invocations} invocations, "
            f"the other sizes in {others.failed} of {others.invocations}",
        )
    return {candidate: reasons[candidate] for candidate in problem.candidates if candidate in reasons}


def _of_architecture(
    architecture: Architecture, candidates: Sequence[Candidate], observations: Sequence[Observation]
) -> dict[Candidate, str]:
    outcomes: dict[Candidate, list[str]] = {}
    errors: dict[Candidate, str] = {}
    for observation in observations:
        at = observation.candidate
        for invocation in observation.invocations:
            outcomes.setdefault(at, []).append(invocation.outcome)
            if invocation.outcome == "function_error":
                errors.setdefault(at, invocation.error_type or invocation.error_message or "an error")
    succeeded = {at.memory_mb for at, seen in outcomes.items() if "ok" in seen}
    out_of_memory_mb = max((at.memory_mb for at, seen in outcomes.items() if "out_of_memory" in seen), default=0)
    timed_out = {at.memory_mb for at, seen in outcomes.items() if "timeout" in seen}
    failing = {at for at, seen in outcomes.items() if seen.count("function_error") > seen.count("ok")}
    peaks_mb = _peaks_mb(observations)

    reasons: dict[Candidate, str] = {}
    for candidate in candidates:
        memory_mb = candidate.memory_mb
        slow_at_mb = [m for m in timed_out if m >= memory_mb and not any(memory_mb <= ok < m for ok in succeeded)]
        peak_mb = _peak_at(memory_mb, peaks_mb)
        if memory_mb <= out_of_memory_mb:
            reasons[candidate] = (
                "ran out of memory"
                if "out_of_memory" in outcomes.get(candidate, [])
                else f"{out_of_memory_mb:,} MB already ran out of memory"
            )
        elif memory_mb in timed_out:
            reasons[candidate] = "did not end within the function's timeout"
        elif slow_at_mb:
            reasons[candidate] = f"{min(slow_at_mb):,} MB already did not end within the function's timeout"
        elif candidate in failing:
            reasons[candidate] = f"failed with {errors[candidate]}"
        elif failing and not succeeded:
            reasons[candidate] = f"the function does not run on {architecture}: {errors[min(failing)]}"
        elif peak_mb is not None and peak_mb > MEMORY_HEADROOM_RATIO * memory_mb:
            reasons[candidate] = f"uses up to {peak_mb:,} MB, more than 90% of it"
    return reasons


def _peaks_mb(observations: Sequence[Observation]) -> dict[int, int]:
    """The most memory used at each measured size."""
    peaks_mb: dict[int, int] = {}
    for observation in observations:
        for invocation in observation.invocations:
            if invocation.outcome == "ok" and invocation.max_memory_used_mb is not None:
                memory_mb = observation.candidate.memory_mb
                peaks_mb[memory_mb] = max(peaks_mb.get(memory_mb, 0), invocation.max_memory_used_mb)
    return peaks_mb


def _peak_at(memory_mb: int, peaks_mb: dict[int, int]) -> int | None:
    """The peak to expect at a size: measured there, else at the next smaller, else at the next larger.

    Runtimes with a heap in proportion to the memory size use more where there
    is more, so a larger size says least about a smaller one.
    """
    if memory_mb in peaks_mb:
        return peaks_mb[memory_mb]
    smaller = [m for m in peaks_mb if m < memory_mb]
    if smaller:
        return peaks_mb[max(smaller)]
    return peaks_mb[min(peaks_mb)] if peaks_mb else None
