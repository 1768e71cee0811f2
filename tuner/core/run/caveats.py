"""What a run assumes, and what it warns of before it begins."""

from __future__ import annotations

import math
from collections.abc import Iterator

from tuner.core.function.concurrency import Reserve
from tuner.core.function.target import TargetFunction
from tuner.core.model import SearchProblem
from tuner.core.money.pricing import tier_for
from tuner.core.request.tuning_request import TuningRequest, WeightedPayload
from tuner.core.run.installation import Installation, Machine


def reserve_warnings(request: TuningRequest, problem: SearchProblem, unreserved: int | None) -> Iterator[str]:
    """What the clones' reserve takes from other functions: every clone stays until the run ends.

    Raises:
        InvalidRequest: It would leave the others less than AWS keeps for them.
    """
    if request.reserved_concurrency is not None:
        sizes = problem.candidates if problem.design is None else problem.design.candidates
        clones = min(len(sizes), problem.budget.max_invocations) + 2 * request.cold_starts
        yield Reserve(request.reserved_concurrency, clones).check(unreserved)


def machine_warnings(request: TuningRequest, target: TargetFunction, machine: Machine | None) -> Iterator[str]:
    """What the user's own machine cannot measure, or not well."""
    if machine is None:
        return
    for architecture in request.architectures or ():
        if architecture != target.architecture:
            yield (
                f"{architecture} cannot be measured on this machine, which has one kind of processor: it was left out."
            )
    if machine.is_busy:
        yield (
            f"This machine was busy when the run began (load {machine.load:.1f} on {machine.cores} cores): "
            "durations are noisier than on an idle machine, and later runs do not use them."
        )


def assumptions(
    request: TuningRequest,
    target: TargetFunction,
    problem: SearchProblem,
    installation: Installation,
    *,
    why_traffic_unknown: str,
) -> tuple[str, ...]:
    """Everything that the numbers of a run rest on besides its measurements, one sentence each."""
    return (
        *_of_traffic(problem, why_traffic_unknown),
        *_of_prices(request, problem, request.prices_region or installation.region),
        *_of_payload(request),
        *_of_machine(target, installation.machine),
    )


def _of_traffic(problem: SearchProblem, why_unknown: str) -> Iterator[str]:
    if problem.monthly_invocations is None:
        yield (
            f"How often the function is called in a month is not known: {why_unknown}. So no monthly figure is given "
            "(monthlyInvocations gives one)."
        )


def _of_prices(request: TuningRequest, problem: SearchProblem, region: str) -> Iterator[str]:
    if request.savings_plan_discount:
        yield (
            f"Compute time is priced {request.savings_plan_discount * 100:g}% below list, for your savings plan; "
            "requests and ephemeral storage are not discounted."
        )
    if request.account_gb_seconds:
        tiers = [tier_for(region, architecture, request.account_gb_seconds) for architecture in problem.prices]
        yield f"Compute time is priced by the tier of {request.account_gb_seconds:,.0f} GB-seconds a month."
        if any((tier.tier_to or math.inf) <= request.account_gb_seconds for tier in tiers):
            yield f"The prices of higher tiers are not known for {region}: the highest known one was taken."


def _of_payload(request: TuningRequest) -> Iterator[str]:
    if request.payload_s3 is None and request.payloads == (WeightedPayload({}),):
        yield "No payload was given, so the function was invoked with {}."


def _of_machine(target: TargetFunction, machine: Machine | None) -> Iterator[str]:
    if machine is None:
        return
    yield (
        "CPU, memory and time limits are Lambda's, the processor is this machine's: ratios between sizes hold, "
        "milliseconds do not."
    )
    if machine.architecture not in (None, target.architecture):
        yield (
            f"Prices are those of {target.architecture}, the function's architecture; it ran on this machine's "
            f"{machine.architecture}."
        )
