"""The recommendation as the report shows it: every candidate's estimate, and what the answer rests on."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tuner.core.answer.recommendation import ConfigurationEstimate, Interval, Recommendation, WarmStart
from tuner.core.errors import NothingMeasured, RunInterrupted
from tuner.core.measurement.latency import samples_needed
from tuner.core.model import Invocation, Observation, RunContext, SearchProblem, invocations_of
from tuner.core.search.decision import Decision, decide, keep_or_change
from tuner.core.search.fit import Fit
from tuner.core.search.prediction import intervals_of, mean_of, percentile_of
from tuner.core.search.run_fit import RunFit
from tuner.core.search.samples import is_single_payload
from tuner.core.search.warm_start import counted

_COLD_START_SPREAD = 0.12
"""Init durations of one function differ by 5 to 15 %; used if there are too few to tell."""


def recommend(run_fit: RunFit, *, stop_reason: str) -> Recommendation:
    """The answer of a run: pick, verdict, and an estimate for every candidate.

    Raises:
        NothingMeasured: No warm sample, or no candidate that could be recommended; names every reason.
        RunInterrupted: The same, because the user ended the run early.
    """
    problem, observations, fit = run_fit.problem, run_fit.observations, run_fit.fit
    warm_start = run_fit.verified.warm_start
    if not run_fit.has_answer:
        _raise_without_answer(observations, fit, run_fit.context)
    decision = decide(problem, fit)
    configurations = _estimates(problem, observations, fit, decision)
    recommended = configurations[decision.pick]
    current = configurations[fit.space.index_of(problem.current)]
    saving_ratio = None
    if recommended.cost_per_million_usd is not None and current.cost_per_million_usd is not None:
        saving_ratio = 1 - recommended.cost_per_million_usd.estimate / current.cost_per_million_usd.estimate
    return Recommendation(
        verdict=decision.verdict,
        recommended=recommended,
        current=current,
        safer=None if decision.safer is None else configurations[decision.safer],
        configurations=configurations,
        probability=decision.probability,
        confidence=decision.confidence,
        saving_ratio=saving_ratio,
        stopped_because=stop_reason,
        notes=(
            *_notes(
                problem, fit, decision, recommended, grouped=run_fit.asked.payload_weights != problem.payload_weights
            ),
            *_bounded_notes(run_fit.asked, problem),
            *_warm_start_notes(warm_start),
        ),
        warm_start=warm_start,
        decision=keep_or_change(problem, fit, decision),
    )


def _bounded_notes(asked: SearchProblem, problem: SearchProblem) -> tuple[str, ...]:
    """What was not looked at one by one, if the request has more of it than can be."""
    notes = []
    if len(asked.candidates) > len(problem.candidates):
        notes.append(
            f"{len(problem.candidates):,} of the {len(asked.candidates):,} possible sizes were compared: measured "
            "ones, round ones, an even spread, and those closest to where most was measured."
        )
    if len(asked.payload_weights) > len(problem.payload_weights):
        notes.append(
            f"The {len(asked.payload_weights):,} payloads were taken together in {len(problem.payload_weights)} "
            "groups, by how long they take."
        )
    return tuple(notes)


def _warm_start_notes(start: WarmStart) -> tuple[str, ...]:
    """What a reader should know of the earlier runs, if there were any."""
    if start.from_run_id is None:
        return ()
    if not start.used:
        return (start.reason,)
    ago = "less than a day" if (start.age_days or 0) < 1 else counted(round(start.age_days or 0), "day")
    return (
        f"The answer also rests on {counted(start.samples, 'warm invocation')} of earlier runs, the last of them "
        f"{ago} ago. {start.reason}",
    )


def _raise_without_answer(observations: Sequence[Observation], fit: Fit, context: RunContext) -> None:
    problems = [f"{candidate}: {reason}" for candidate, reason in sorted(fit.reasons.items())]
    told = set(fit.reasons)
    for observation in observations:
        if observation.candidate in told:
            continue
        told.add(observation.candidate)
        outcomes = sorted({_in_words(each) for each in invocations_of(observations, observation.candidate)})
        problems.append(f"{observation.candidate}: {', '.join(outcomes) or 'not measured'}")
    listed = "; ".join(problems) or "no invocation was made"
    if context.stop_requested:
        raise RunInterrupted(
            f"The run was ended before a warm invocation was measured ({listed}).",
            hint="Start it again and let it finish its first round.",
        )
    raise NothingMeasured(
        f"No memory size gave a usable duration: {listed}.",
        hint="Check the payload, the function's timeout and its logs at the current size.",
    )


def _in_words(invocation: Invocation) -> str:
    if invocation.outcome == "ok":
        return "only cold starts" if invocation.cold else "no duration in its record"
    return {
        "function_error": f"failed with {invocation.error_type or 'an error'}",
        "out_of_memory": "ran out of memory",
        "timeout": "did not end within the timeout",
        "unmeasured": "left no record",
    }[invocation.outcome]


def _estimates(
    problem: SearchProblem, observations: Sequence[Observation], fit: Fit, decision: Decision
) -> tuple[ConfigurationEstimate, ...]:
    draws, cold = fit.prediction.draws, fit.prediction.cold
    durations_ms = {"mean": intervals_of(mean_of(draws, cold))}
    percentiles = [50.0, 95.0, 99.0]
    if problem.goal is not None and problem.goal.percentile not in percentiles:
        percentiles.append(problem.goal.percentile)
    for percentile in percentiles:
        durations_ms[f"p{percentile:g}"] = intervals_of(percentile_of(draws, percentile, cold))
    costs = intervals_of(fit.prediction.cost_per_million_usd)
    samples = fit.samples.own_warm_counts
    environments = fit.samples.own_environment_counts
    earlier_samples = fit.samples.warm_counts - samples
    estimates = []
    for index, candidate in enumerate(problem.candidates):
        invocations = invocations_of(observations, candidate)
        peaks_mb = [i.max_memory_used_mb for i in invocations if i.max_memory_used_mb is not None]
        estimates.append(
            ConfigurationEstimate(
                candidate=candidate,
                duration_ms={key: intervals[index] for key, intervals in durations_ms.items()},
                cost_per_million_usd=costs[index],
                samples=int(samples[index]),
                environments=int(environments[index]),
                basis="samples" if samples[index] else "model",
                goal_probability=None if decision.goal_probability is None else float(decision.goal_probability[index]),
                cold_start_ms=_cold_start(invocations),
                failures=sum(i.outcome in ("function_error", "out_of_memory", "timeout") for i in invocations),
                unmeasured=sum(i.outcome == "unmeasured" for i in invocations),
                max_memory_used_mb=max(peaks_mb, default=None),
                infeasible_reason=fit.reasons.get(candidate),
                earlier_samples=int(earlier_samples[index]),
            )
        )
    return tuple(estimates)


def _cold_start(invocations: Sequence[Invocation]) -> Interval | None:
    """The mean init (or restore) duration measured at a candidate; None if none was."""
    inits_ms = [i.init_ms for i in invocations if i.init_ms is not None and i.init_ms > 0]
    if not inits_ms:
        return None
    mean_ms = float(np.mean(inits_ms))
    spread = max(float(np.std(np.log(inits_ms))), _COLD_START_SPREAD) / math.sqrt(len(inits_ms))
    return Interval(mean_ms, mean_ms * math.exp(-1.645 * spread), mean_ms * math.exp(1.645 * spread))


def _notes(
    problem: SearchProblem, fit: Fit, decision: Decision, recommended: ConfigurationEstimate, *, grouped: bool
) -> tuple[str, ...]:
    """What the answer rests on, for people."""
    notes = []
    warm_count = fit.samples.warm_count
    measured_sizes = int((fit.samples.warm_counts > 0).sum())
    all_environments = int(fit.samples.environment_counts.sum())
    if recommended.samples == 0:
        notes.append(
            f"{recommended.candidate} was not run: its figures are the model's, from {measured_sizes} other sizes."
        )
    else:
        notes.append(
            f"{recommended.candidate} ran {counted(recommended.samples, 'time')} warm on "
            f"{counted(recommended.environments, 'execution environment')}; "
            f"the noise is pooled over {warm_count} warm invocations at {counted(measured_sizes, 'size')}."
        )
    if 0 < recommended.environments < 3:
        notes.append(
            "Execution environments differ by 5 to 12 % from each other; this answer rests on "
            f"{counted(all_environments, 'environment')} over all sizes."
        )
    if problem.goal is not None:
        needed = samples_needed(problem.goal.percentile, problem.confidence)
        if recommended.samples < needed:
            notes.append(
                f"To show p{problem.goal.percentile:g} from the samples of this size alone takes {needed} of them at "
                f"{problem.confidence:.0%} confidence; with fewer, it rests on the pooled noise and an assumed tail."
            )
    if problem.cold_start_share is None:
        notes.append(
            "Durations and costs are of warm invocations; the share of cold starts in production is not known."
        )
    elif problem.cold_start_share > 0:
        notes.append(
            f"Durations and costs include cold starts, {problem.cold_start_share:.2%} of the requests, "
            f"with {fit.prediction.cold.init_ms:,.0f} ms of init each."
        )
    if not is_single_payload(problem):
        drawn = np.bincount(fit.samples.payload, minlength=len(problem.payload_weights))
        listed = ", ".join(
            f"{share:.0%} of {'group' if grouped else 'payload'} {number} (measured {counted(int(count), 'time')})"
            for number, (share, count) in enumerate(
                zip(fit.prediction.draws.payload_share, drawn, strict=True), start=1
            )
        )
        notes.append(f"Durations and costs are of the mix: {listed}.")
    if decision.safer is not None:
        safer = problem.candidates[decision.safer]
        notes.append(f"{safer} would meet the goal with the confidence asked for.")
    return tuple(notes)
