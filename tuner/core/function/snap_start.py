"""SnapStart of the clones: what it costs a run, and what a run says of it.

A clone with SnapStart is published and invoked by its version. Its fees (cache
of the snapshot, restores) come beside what invocations are billed for:
``Billed Duration`` already holds what is billed of a restore, and the two fees
are in no record. See docs/decisions/0011-snapstart-on-request.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tuner.core.errors import InvalidRequest, PriceUnknown
from tuner.core.function.target import TargetFunction
from tuner.core.model import Candidate, Observation, SearchProblem, SnapshotPrices
from tuner.core.money.pricing import clone_cost_usd, price_rows, restore_cost_usd

_CACHE_LEAST_S = 3 * 60 * 60
"""For how long SnapStart's cache is charged at least. Source: AWS Lambda pricing, seen 2026-11."""
_MONTH_S = 730 * 60 * 60


def check_snap_start(configuration: Mapping[str, Any], target: TargetFunction) -> None:
    """Refuse clones with SnapStart of a function that has none.

    Raises:
        InvalidRequest: Clones would be unlike the function.
    """
    if not has_snap_start(configuration):
        raise InvalidRequest(
            [f"snapStart is true, and {target.name} has no SnapStart, so clones with it would be another function"],
            hint="Leave snapStart out, or switch SnapStart on for the function (ApplyOn: PublishedVersions), deploy it "
            "and start again.",
        )


def has_snap_start(configuration: Mapping[str, Any]) -> bool:
    """Whether the published versions of a function, as ``GetFunctionConfiguration`` reports it, have SnapStart."""
    return (configuration.get("SnapStart") or {}).get("ApplyOn") == "PublishedVersions"


def snapshot_prices(target: TargetFunction, *, kept_minutes: float) -> SnapshotPrices:
    """Look up what SnapStart costs for clones of a function.

    Args:
        target: Its Region and runtime decide; Java's managed runtimes have no fee.
        kept_minutes: How long a run may keep a clone; the cache is charged for 3 hours at least.

    Raises:
        PriceUnknown: Not known for the Region: a run could not keep its budget.
    """
    if _is_free(target):
        return SnapshotPrices(0.0, 0.0)
    cache = price_rows("AWSLambda", "snapstart-cache", target.region)
    restore = price_rows("AWSLambda", "snapstart-restore", target.region)
    if not cache or not restore:
        raise PriceUnknown(
            f"The price of SnapStart in Region {target.region} is not known, so a run with snapStart could not "
            "keep its budget.",
            hint="Leave snapStart out; docs/prices.md lists the prices that are known and how to add one.",
        )
    return SnapshotPrices(cache[0].price * max(_CACHE_LEAST_S, kept_minutes * 60), restore[0].price)


def clones_of(observations: Sequence[Observation]) -> list[Candidate]:
    """The clones that were invoked, by their size: one for all batches of a size, and a fresh one for each cold start.

    A size that the account does not allow has an observation without
    invocations, and no clone.

    Example:
        >>> from tuner.core.model import Invocation
        >>> at, ran = Candidate(512, "arm64"), (Invocation("r", "ok", cold=True),)
        >>> fresh = Observation(3, 9001, at, ran, "cold_start")
        >>> refused = Observation(3, 2, Candidate(10240, "arm64"), ())
        >>> len(clones_of([Observation(1, 0, at, ran), Observation(2, 1, at, ran), fresh, refused]))
        2
    """
    invoked = [each for each in observations if each.invocations]
    kept = dict.fromkeys(each.candidate for each in invoked if each.purpose != "cold_start")
    return [*kept, *(each.candidate for each in invoked if each.purpose == "cold_start")]


def restores_of(observations: Sequence[Observation]) -> list[Candidate]:
    """The sizes of the clones that were restored, once for each time; an invocation without a record may have been."""
    return [
        observation.candidate
        for observation in observations
        for invocation in observation.invocations
        if invocation.cold or invocation.billed_ms is None
    ]


def snapshot_fees_usd(
    problem: SearchProblem, observations: Sequence[Observation], uninvoked: Sequence[Candidate] = ()
) -> float:
    """Price SnapStart's cache and restores of what was observed; 0.0 if clones have no SnapStart.

    *uninvoked* are the sizes of clones that were made and never invoked.
    """
    if problem.snapshot_prices is None:
        return 0.0
    clones = [*clones_of(observations), *uninvoked]
    return sum(clone_cost_usd(problem, each) for each in clones) + sum(
        restore_cost_usd(problem, each) for each in restores_of(observations)
    )


def uninvoked_clones(made: Sequence[Candidate], observations: Sequence[Observation]) -> list[Candidate]:
    """The clones that were made and never invoked, by their size."""
    return list((Counter(made) - Counter(clones_of(observations))).elements())


def most_fees_usd(problem: SearchProblem, prices: SnapshotPrices, cold_starts: int) -> float:
    """Bound what SnapStart's fees can come to in a run, its budget included.

    A size is worth measuring from two invocations on, so that the search makes
    half as many clones as it may make invocations, and never more than there
    are sizes.
    """
    sizes = sorted(problem.candidates if problem.design is None else problem.design.candidates)
    each = min(problem.max_parallel, problem.budget.max_invocations)
    of_one = [row.memory_mb / 1024 * (prices.clone_usd_per_gb + each * prices.restore_usd_per_gb) for row in sizes]
    if problem.design is None:
        of_one = of_one[-max(1, problem.budget.max_invocations // 2) :]
    fresh = max(row.memory_mb for row in problem.candidates) / 1024 * 2 * cold_starts
    most = sum(of_one) + fresh * (prices.clone_usd_per_gb + prices.restore_usd_per_gb)
    return min(problem.budget.max_cost_usd, most)


def snap_start_warnings(
    configuration: Mapping[str, Any], target: TargetFunction, problem: SearchProblem, *, asked: bool, cold_starts: int
) -> Iterator[str]:
    """What a run on a function with SnapStart shows, and what it costs; nothing for a function without it."""
    if not has_snap_start(configuration):
        return
    try:
        prices = snapshot_prices(target, kept_minutes=problem.budget.max_minutes)
    except PriceUnknown as unknown:
        yield f"{_NOT_ASKED} snapStart cannot change that here: {unknown.message[0].lower()}{unknown.message[1:]}"
        return
    usd = most_fees_usd(problem, prices, cold_starts)
    if not asked:
        if _is_free(target):
            price = "no fee, as Java has none"
        else:
            price = (
                f"up to ${usd:.2f} in this run: ${prices.clone_usd_per_gb:.3f} for each GB of a clone's memory (3 "
                "hours of cache or more), and its restores"
            )
        yield f"{_NOT_ASKED} With snapStart the clones have it, at the price of minutes a round and {price}."
        return
    said = (
        "The clones have SnapStart, as the function: each is initialised and snapshotted before it is "
        "invoked, which takes minutes, and cold starts shown are restores."
    )
    if _is_free(target):
        yield said
        return
    month_usd = price_rows("AWSLambda", "snapstart-cache", target.region)[0].price * _MONTH_S
    yield (
        f"{said} Its fees, up to ${usd:.2f} in this run, are part of the cost and of budget.maxCostUsd. The cache of a "
        f"published version in production, ${month_usd:.2f} a month for each GB of memory, is not part of the cost "
        "shown."
    )


_NOT_ASKED = (
    "The function uses SnapStart and its clones do not: cold starts shown here are full initialisations, not "
    "production's restores."
)


def _is_free(target: TargetFunction) -> bool:
    return (target.runtime or "").startswith("java")
