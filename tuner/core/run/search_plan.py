"""What a run will search: the candidates, their prices, and a budget that can give an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from tuner.core.errors import InvalidRequest
from tuner.core.function.snap_start import snapshot_prices
from tuner.core.function.target import TargetFunction
from tuner.core.model import Architecture, Candidate, FixedDesign, SearchProblem, TuningBudget
from tuner.core.money.pricing import candidate_cost_usd, clone_cost_usd, prices_for, restore_cost_usd
from tuner.core.request.memory_sizes import memory_space
from tuner.core.request.power_tuning import design_budget
from tuner.core.request.tuning_request import MemoryRange, PowerTuning, TuningRequest
from tuner.core.run.installation import Installation
from tuner.core.run.record import Outside

LEAST_INVOCATIONS = 2
"""One to see that the payload works, one warm: fewer cannot give an answer."""


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """The problem that a run solves, and what it leaves out."""

    problem: SearchProblem
    """Its budget is the search's own, without the cold starts that come after."""
    budget: TuningBudget
    """Of the whole run."""
    outside: tuple[Outside, ...]


def plan_search(
    request: TuningRequest,
    target: TargetFunction,
    installation: Installation,
    *,
    payload_weights: Sequence[float],
    monthly_invocations: float | None,
    max_parallel: int,
    seed_text: str,
) -> SearchPlan:
    """Turn a request into a search problem.

    *monthly_invocations* counts if the request does not say; the same *seed_text* gives the same random numbers.

    Raises:
        InvalidRequest: There is nothing to measure, or the budget cannot give an answer.
        PriceUnknown: No price for the Region and architecture.
    """
    space = memory_space(request.memory, current_mb=target.memory_mb, cap_mb=installation.memory_cap_mb)
    if target.memory_mb not in space.sizes:
        raise InvalidRequest(
            [
                f"today's size of {target.name}, {target.memory_mb} MB, cannot be measured here: "
                f"the largest size is {installation.memory_cap_mb} MB"
            ],
            hint="Raise the parameter MemoryCapMb, or tune a copy of the function at a smaller size.",
        )
    own = target.architecture
    architectures = (own,) if installation.machine else request.architectures or (own,)
    priced = dict.fromkeys((*architectures, own))
    candidates = tuple(
        Candidate(memory_mb, architecture)
        for memory_mb in space.sizes
        for architecture in priced
        if architecture in architectures or memory_mb == target.memory_mb
    )
    design = _fixed_design(request, architectures, candidates, cap_mb=installation.memory_cap_mb)
    power_tuning = request.power_tuning or PowerTuning()
    problem = SearchProblem(
        candidates=candidates,
        design=design,
        strategy=power_tuning.strategy,
        balanced_weight=power_tuning.balanced_weight,
        must_measure=_observed(request, own, candidates if design is None else design.candidates),
        current=Candidate(target.memory_mb, own),
        goal=request.goal,
        prices={
            architecture: prices_for(
                request.prices_region or installation.region,
                architecture,
                account_gb_seconds=request.account_gb_seconds or 0.0,
                savings_plan_discount=request.savings_plan_discount or 0.0,
            )
            for architecture in priced
        },
        timeout_ms=target.timeout_s * 1000.0,
        budget=request.budget,
        confidence=request.confidence,
        tolerance=request.tolerance,
        ephemeral_storage_mb=target.ephemeral_storage_mb,
        cold_start_share=request.cold_start_share,
        monthly_invocations=monthly_invocations if request.monthly_invocations is None else request.monthly_invocations,
        payload_weights=tuple(payload_weights),
        max_parallel=max_parallel,
        snapshot_prices=snapshot_prices(target, kept_minutes=request.budget.max_minutes)
        if request.snap_start
        else None,
        any_size=isinstance(request.memory, MemoryRange) and request.memory.step_mb is None,
        seed=int.from_bytes(sha256(seed_text.encode()).digest()[:4], "big"),
    )
    _check_budget(problem)
    budget = design_budget(problem)
    reason = "more CPU than this machine has" if installation.machine else None
    return SearchPlan(
        replace(problem, budget=_search_budget(budget, 0 if design else request.cold_starts)),
        budget,
        tuple(Outside(memory_mb, reason or beyond_cap) for memory_mb, beyond_cap in space.outside),
    )


def _fixed_design(
    request: TuningRequest, architectures: Sequence[Architecture], candidates: Sequence[Candidate], *, cap_mb: int
) -> FixedDesign | None:
    """The sizes that were listed and can be measured here, where the request fixes the invocations."""
    if request.num is None or isinstance(request.memory, MemoryRange):
        return None
    listed = tuple(
        candidate
        for candidate in candidates
        if candidate.memory_mb in request.memory and candidate.architecture in architectures
    )
    if not listed:
        raise InvalidRequest(
            [f"no memory size that was asked for can be measured here: the largest is {cap_mb:,} MB"],
            hint=f"List at least one size of {cap_mb:,} MB or less.",
        )
    return FixedDesign(listed, request.num)


def _observed(
    request: TuningRequest, architecture: Architecture, candidates: Sequence[Candidate]
) -> tuple[Candidate, ...]:
    """The size whose duration on AWS is known: it has to be measured here too."""
    if request.observed is None:
        return ()
    observed = Candidate(request.observed.memory_mb, architecture)
    if observed not in candidates:
        raise InvalidRequest([f"observed.memoryMb is {observed.memory_mb}, which is not among the sizes of this run"])
    return (observed,)


def _check_budget(problem: SearchProblem) -> None:
    """Refuse a budget that two invocations at today's size could exceed."""
    today = problem.current
    worst_usd = clone_cost_usd(problem, today) + LEAST_INVOCATIONS * (
        candidate_cost_usd(problem, today, round(problem.timeout_ms)) + restore_cost_usd(problem, today)
    )
    problems = []
    if worst_usd > problem.budget.max_cost_usd:
        problems.append(
            f"budget.maxCostUsd is {problem.budget.max_cost_usd:g}: {LEAST_INVOCATIONS} invocations at today's size "
            f"may cost {worst_usd:.6f} if they run into the function's timeout"
        )
    worst_minutes = LEAST_INVOCATIONS * problem.timeout_ms / 60_000
    if worst_minutes > problem.budget.max_minutes:
        problems.append(
            f"budget.maxMinutes is {problem.budget.max_minutes:g}: {LEAST_INVOCATIONS} invocations may take "
            f"{worst_minutes:.1f} minutes if they run into the function's timeout"
        )
    if problems:
        raise InvalidRequest(problems)


def _search_budget(budget: TuningBudget, cold_starts: int) -> TuningBudget:
    """What is left for the search when the cold starts at two sizes are set aside."""
    left = budget.max_invocations - 2 * cold_starts
    if cold_starts and left < LEAST_INVOCATIONS:
        raise InvalidRequest(
            [
                f"coldStarts is {cold_starts}: at today's size and at the recommended one that takes {2 * cold_starts} "
                f"invocations of budget.maxInvocations, {budget.max_invocations}: raise it or lower coldStarts"
            ]
        )
    return replace(budget, max_invocations=left)
