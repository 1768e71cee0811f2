"""The next round of batches, or the reason to stop: first design, then worth against price."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tuner.core.aws_limits import ONE_VCPU_MB
from tuner.core.function.snap_start import clones_of
from tuner.core.model import Candidate, Observation, RunContext, SearchProblem, invocations_of
from tuner.core.money.pricing import clone_cost_usd, worst_usd
from tuner.core.money.spending import spent_usd
from tuner.core.request.payload_mix import next_payload
from tuner.core.search.acquisition import REFERENCE_MONTHLY, Option, choose_batches
from tuner.core.search.between import fit_answer
from tuner.core.search.bounded import bounded
from tuner.core.search.decision import unseen_fastest
from tuner.core.search.feasibility import ruled_out
from tuner.core.search.fit import ENVIRONMENTS_WANTED, FINAL_DRAW_COUNT, Fit, fit_posterior, generator_of
from tuner.core.search.samples import is_single_payload, round_number
from tuner.core.search.warm_start import Verified, sizes_to_check, verify

FIRST_SIZES_MB = (128, 256, 512, 1024, 2048)
FIRST_SIZES_WITH_CPU_TIME_MB = (128, 2048)
"""Where CPU times come with the durations: they tell much of the shape at any size."""
OTHER_ARCHITECTURE_SIZES_MB = (256, ONE_VCPU_MB)
MIX_LIMIT = 8
REPEATED_SHARE = 9.0
"""By so much less traffic profits from an invocation where the run is repeated before long."""
FASTEST_LOOKS = 3
"""After so many batches without a warm sample the fastest size is asked for no more."""
OUT_OF_REACH = 0.99
"""So probable must it be that no size meets the goal before the search for one ends."""


@dataclass(frozen=True)
class PlannedBatch:
    """A batch before it has a trial number."""

    candidate: Candidate
    invocation_count: int
    environment_count: int
    reason: str


@dataclass(frozen=True)
class RoundPlan:
    """Batches of one round, or none and why."""

    batches: tuple[PlannedBatch, ...] = ()
    stop_reason: str | None = None


def plan_round(
    problem: SearchProblem, observations: Sequence[Observation], *, elapsed_minutes: float, context: RunContext
) -> RoundPlan:
    """Decide what to measure next; pure, and the same for the same seed and observations."""
    problem, observations, context = bounded(problem, observations, context)
    remaining = remaining_budget(problem, observations, elapsed_minutes)
    if context.stop_requested:
        return RoundPlan(stop_reason="You asked the run to end, so it ended with what it had.")
    if not observations:
        if remaining.affordable_count(problem.current) < 1:
            return RoundPlan(stop_reason="The budget does not cover one invocation at its worst, the timeout.")
        return RoundPlan((PlannedBatch(problem.current, 1, 1, "checks that the payload works at the current size"),))
    reasons = ruled_out(problem, observations, context)
    if len(reasons) == len(problem.candidates):
        return RoundPlan(stop_reason="No memory size is left that could be recommended.")
    verified = verify(problem, observations, context)
    was_refuted = bool(context.earlier and not verified.context.earlier)
    context = verified.context
    first = () if context.earlier else _first_design(problem, observations, remaining, set(reasons), late=was_refuted)
    if first:
        return RoundPlan(first)
    # What is checked, as what is confirmed, must be what will be recommended.
    fit = fit_posterior(problem, observations, context, draw_count=FINAL_DRAW_COUNT if context.earlier else None)
    checks = _checks(problem, observations, remaining, fit, verified) if context.earlier else ()
    if checks:
        return RoundPlan(checks)
    if fit.samples.own_warm_counts.sum() == 0:
        return _ask_for_any_sample(problem, observations, remaining, fit)
    if fit.unreachable is not None and float(fit.unreachable.mean()) >= max(problem.confidence, OUT_OF_REACH):
        # Which size misses least is worth one look where it was not seen, and no search.
        stop_reason = "The goal is out of reach."
    else:
        plan = _by_acquisition(problem, remaining, fit, repeated=bool(context.earlier))
        if plan is not None:
            return plan
        stop_reason = "The best next batch would cost more than what it could still improve."
    # The answer is chosen from more draws than a batch is: what is confirmed must be what will be recommended.
    final = fit_answer(problem, observations, context)
    confirming = _confirmation(problem, observations, remaining, final)
    confirming = confirming or _look_at_the_fastest(problem, observations, remaining, final)
    return RoundPlan((confirming,)) if confirming else RoundPlan(stop_reason=stop_reason)


def _cold_count(problem: SearchProblem, known: bool) -> int:
    """Invocations of a batch on one environment that become cold starts."""
    return int(problem.first_invocation_cold and not known)


def _checks(
    problem: SearchProblem,
    observations: Sequence[Observation],
    remaining: RemainingBudget,
    fit: Fit,
    verified: Verified,
) -> tuple[PlannedBatch, ...]:
    """Invocations at the likely answer and at one other size, until they tell whether the earlier runs still hold."""
    space, known = fit.space, fit.known_environments
    all_environments = fit.samples.environment_counts
    # The answer of the night before is what to check: before tonight's level is known the pick is a careful one.
    # Where a run has one environment a size, two of them are two nights' answers.
    confirmed = fit.allowed & (all_environments >= min(ENVIRONMENTS_WANTED, problem.max_parallel + 1))
    answer = int(np.argmin(np.where(confirmed, fit.expected_loss, np.inf))) if confirmed.any() else fit.pick
    batches = []
    for index, missing in sizes_to_check(problem, observations, fit.samples, answer, fit.allowed, verified):
        candidate = space.candidates[index]
        wanted = ENVIRONMENTS_WANTED - int(all_environments[index]) if index == answer else 1
        environments = max(1, min(wanted, problem.max_parallel))
        if environments > 1:
            cold = environments if problem.first_invocation_cold else 0
            count = max(missing, environments) + cold
        else:
            count = missing + _cold_count(problem, known=len(known[index]) > 0)
        if remaining.affordable_count(candidate, environments) < count:
            continue
        remaining = remaining.after(candidate, count, environments)
        where = "the likely answer" if index == answer else "another size"
        reason = f"{where}: checks whether run {verified.warm_start.from_run_id} still holds"
        batches.append(PlannedBatch(candidate, count, environments, reason))
    return tuple(batches)


def _first_design(
    problem: SearchProblem,
    observations: Sequence[Observation],
    remaining: RemainingBudget,
    excluded: set[Candidate],
    *,
    late: bool,
) -> tuple[PlannedBatch, ...]:
    """One warm invocation at each of a few sizes, in the round after the payload check.

    Or *late*, when earlier runs that made it unneeded were refuted: then
    at those that were not asked for meanwhile.
    """
    if round_number(observations) != 1 and not late:
        return ()
    asked = {observation.candidate for observation in observations if observation.round > 1}
    batches = []
    first_sizes_mb: Sequence[int] = FIRST_SIZES_MB if is_single_payload(problem) else FIRST_SIZES_MB[::2]
    if any(invocation.cpu_ms is not None for seen in observations for invocation in seen.invocations):
        first_sizes_mb = FIRST_SIZES_WITH_CPU_TIME_MB
    for candidate in _first_candidates(problem, excluded, first_sizes_mb):
        if candidate in asked:
            continue
        measured = any(observation.candidate == candidate for observation in observations)
        if measured and not problem.first_invocation_cold:
            continue
        count = _mix_count(problem) + _cold_count(problem, known=measured)
        if remaining.affordable_count(candidate) < count:
            continue
        remaining = remaining.after(candidate, count)
        batches.append(PlannedBatch(candidate, count, 1, "a first look at the whole range"))
    return tuple(batches)


def _mix_count(problem: SearchProblem) -> int:
    """Invocations that a size takes until each payload was drawn once, in stratified proportion."""
    counts = [0] * len(problem.payload_weights)
    while not all(counts) and sum(counts) < MIX_LIMIT:
        counts[next_payload(problem.payload_weights, counts)] += 1
    return sum(counts)


def _first_candidates(
    problem: SearchProblem, excluded: set[Candidate], first_sizes_mb: Sequence[int]
) -> list[Candidate]:
    """The candidates nearest to the first sizes, today's and those that must be measured, each once, ascending."""
    chosen: set[Candidate] = set()
    for architecture in sorted({candidate.architecture for candidate in problem.candidates}):
        free = [c for c in problem.candidates if c.architecture == architecture and c not in excluded]
        own = architecture == problem.current.architecture
        for size_mb in first_sizes_mb if own else OTHER_ARCHITECTURE_SIZES_MB:
            if not free:
                continue
            nearest = min(free, key=lambda c: (abs(math.log(c.memory_mb / size_mb)), c.memory_mb))
            if abs(math.log(nearest.memory_mb / size_mb)) < 0.5 or size_mb == FIRST_SIZES_MB[0]:
                chosen.add(nearest)
        if own and free:
            chosen.add(free[0])
    # Every answer is a comparison with today's size, and an anchor is worth what was measured at it.
    chosen.update(c for c in (problem.current, *problem.must_measure) if c not in excluded)
    return sorted(chosen)


def _ask_for_any_sample(
    problem: SearchProblem, observations: Sequence[Observation], remaining: RemainingBudget, fit: Fit
) -> RoundPlan:
    """Nothing warm was measured yet: go on with the largest sizes, which fail least."""
    tried: dict[Candidate, int] = {}
    for observation in observations:
        tried[observation.candidate] = tried.get(observation.candidate, 0) + 1
    free = [c for c in problem.candidates if c not in fit.reasons and tried.get(c, 0) < 3]
    for candidate in sorted(free, key=lambda c: (tried.get(c, 0), -c.memory_mb)):
        count = min(2, remaining.affordable_count(candidate))
        if count >= 1:
            return RoundPlan((PlannedBatch(candidate, count, 1, "nothing was measured yet"),))
    return RoundPlan(stop_reason="No invocation left a usable record, and trying again is not worth its price.")


def _by_acquisition(
    problem: SearchProblem, remaining: RemainingBudget, fit: Fit, *, repeated: bool
) -> RoundPlan | None:
    """The batches that lower the expected loss most for their price; ``None`` if none is worth it.

    In a run that is *repeated*, what an invocation teaches serves until the
    next run only, so it must be worth more.
    """
    space = fit.space

    def affordable(site: int, taken: Sequence[Option]) -> int:
        left = remaining
        for option in taken:
            left = left.after(space.candidates[option.candidate], option.invocation_count)
        return left.affordable_count(space.candidates[site])

    generator = generator_of(problem, fit.samples, "fantasies")
    monthly_invocations = problem.monthly_invocations
    if repeated:
        monthly_invocations = (monthly_invocations or REFERENCE_MONTHLY) / REPEATED_SHARE
    options = choose_batches(
        fit, problem.max_parallel, problem.first_invocation_cold, affordable, generator, monthly_invocations
    )
    if options is None:
        return RoundPlan(stop_reason=stopped_by_budget(remaining))
    return RoundPlan(tuple(_planned(fit, option) for option in options)) if options else None


def _planned(fit: Fit, option: Option) -> PlannedBatch:
    where = "the likely answer" if option.candidate == fit.pick else "a neighbour that may change the answer"
    reason = f"{where}: expected to lower the loss of the recommendation by {option.gain:.2%}"
    candidate = fit.space.candidates[option.candidate]
    return PlannedBatch(candidate, option.invocation_count, option.environment_count, reason)


def _confirmation(
    problem: SearchProblem, observations: Sequence[Observation], remaining: RemainingBudget, fit: Fit
) -> PlannedBatch | None:
    """A last batch at the pick where it has not run, or on too few environments while more can be had."""
    candidate = fit.space.candidates[fit.pick]
    warm = int(fit.samples.own_warm_counts[fit.pick])
    environments = int(fit.samples.environment_counts[fit.pick])
    wanted = min(ENVIRONMENTS_WANTED, problem.max_parallel)
    if warm and environments >= wanted:
        return None
    if environments >= wanted:
        # Those of earlier runs: this one only looks whether it is still so.
        wanted = 1
    if wanted > 1:
        count = wanted * (2 if problem.first_invocation_cold else 1)
    else:
        count = 1 + _cold_count(problem, known=False)
    last = [observation for observation in observations if observation.round == round_number(observations)]
    if warm and len(last) == 1 and last[0].candidate == candidate and len(last[0].invocations) == count:
        # Asked for just now: invocations that end at once share an environment, and would again.
        return None
    samples = fit.samples
    of_this_run = samples.environment_run[samples.environment] == 0
    attempts = int((of_this_run & (samples.candidate == fit.pick)).sum())
    if attempts >= 3 * count:
        return None
    if remaining.affordable_count(candidate, wanted) < count:
        return None
    return PlannedBatch(candidate, count, wanted, "confirms the recommendation where it will run")


def _look_at_the_fastest(
    problem: SearchProblem, observations: Sequence[Observation], remaining: RemainingBudget, fit: Fit
) -> PlannedBatch | None:
    """Where no size seems to meet the goal: that is said of no fastest size that did not run warm in this run."""
    fastest = unseen_fastest(fit)
    if fastest is None or fit.unreachable is None or float(fit.unreachable.mean()) < problem.confidence:
        return None
    candidate = fit.space.candidates[fastest]
    if sum(observation.candidate == candidate for observation in observations) >= FASTEST_LOOKS:
        return None
    count = 1 + _cold_count(problem, known=len(fit.known_environments[fastest]) > 0)
    if remaining.affordable_count(candidate) < count:
        return None
    return PlannedBatch(candidate, count, 1, "the fastest size: checks that even this one misses the goal")


@dataclass(frozen=True)
class RemainingBudget:
    """What is left of a run's budget, where every batch is counted at its worst before it is asked for."""

    problem: SearchProblem
    invocations: int
    cost_usd: float
    minutes: float
    clones: frozenset[Candidate] = frozenset()
    """Where a temporary function is there already: a new one may cost something by itself (SnapStart's cache)."""

    def affordable_count(self, candidate: Candidate, parallel: int = 1) -> int:
        """How many invocations at *candidate* fit even if each of them runs into the timeout."""
        each_usd = worst_usd(self.problem, candidate)
        left_usd = self.cost_usd - self._clone_usd(candidate)
        # A little slack, so that a sum of prices that is equal to the budget on paper fits it.
        by_cost = int(left_usd / each_usd + 1e-9) if each_usd > 0 else self.invocations
        by_time = int(self.minutes / self._worst_minutes(parallel) + 1e-9)
        return max(0, min(self.invocations, by_cost, by_time))

    def after(self, candidate: Candidate, count: int, parallel: int = 1) -> RemainingBudget:
        """What is left after *count* invocations at *candidate* at their worst."""
        return RemainingBudget(
            self.problem,
            self.invocations - count,
            self.cost_usd - self._clone_usd(candidate) - count * worst_usd(self.problem, candidate),
            self.minutes - count * self._worst_minutes(parallel),
            self.clones | {candidate},
        )

    def _worst_minutes(self, parallel: int) -> float:
        return self.problem.worst_ms / 60_000 / max(1, parallel)

    def _clone_usd(self, candidate: Candidate) -> float:
        return 0.0 if candidate in self.clones else clone_cost_usd(self.problem, candidate)


def remaining_budget(
    problem: SearchProblem, observations: Sequence[Observation], elapsed_minutes: float
) -> RemainingBudget:
    """What is left after *observations*."""
    return RemainingBudget(
        problem,
        invocations=problem.budget.max_invocations - len(invocations_of(observations)),
        cost_usd=problem.budget.max_cost_usd - spent_usd(problem, observations),
        minutes=problem.budget.max_minutes - elapsed_minutes,
        clones=frozenset(clones_of(observations)),
    )


def stopped_by_budget(remaining: RemainingBudget) -> str:
    """Which bound of the budget ended the run, as a sentence."""
    problem = remaining.problem
    budget = problem.budget
    if remaining.invocations < 2:
        return f"The budget of {budget.max_invocations:,} invocations is used up."
    if remaining.minutes * 60_000 < problem.worst_ms:
        return f"The budget of {budget.max_minutes:g} minutes does not cover another batch at its worst, the timeout."
    return f"The budget of ${budget.max_cost_usd:g} does not cover another batch at its worst, the timeout."
