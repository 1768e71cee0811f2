"""What Lambda and its neighbours charge: prices by Region and architecture, and the cost of invocations.

The prices are package data, ``data/prices.csv``, each row with the month it
was seen and its source; ``docs/prices.md`` says what is known and how to
renew it. There is no default price: a Region or architecture that is not in
the table is an error, because a wrong price silently moves the optimum.

1 GB is 1,024 MB, as Lambda bills it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tuner.core.errors import PriceUnknown
from tuner.core.model import ArchitecturePrices, Candidate, SearchProblem

FREE_EPHEMERAL_STORAGE_MB = 512
"""``/tmp`` up to this size is part of the price. Source: AWS Lambda pricing, seen 2026-11."""

_PRICES_FILE = Path(__file__).with_name("data") / "prices.csv"
_HINT = "Tune a function of a Region whose prices are known; docs/prices.md lists them and how to add one."


@dataclass(frozen=True, slots=True)
class UnitPrice:
    """One row of the price table.

    ``tier_from`` and ``tier_to`` count ``unit`` per month; ``tier_to`` is
    ``None`` if the price has no upper end.
    """

    service: str
    item: str
    architecture: str
    region: str
    tier_from: float
    tier_to: float | None
    unit: str
    price: float
    currency: str
    as_of: str
    source: str


@cache
def price_table() -> tuple[UnitPrice, ...]:
    """Read the whole table; once, and only when something is priced."""
    rows = []
    for line in _PRICES_FILE.read_text("utf-8").splitlines()[1:]:
        # The file holds no quotes and no commas inside of fields; a test keeps it so.
        service, item, architecture, region, tier_from, tier_to, unit, price, currency, as_of, source = line.split(",")
        rows.append(
            UnitPrice(
                service=service,
                item=item,
                architecture=architecture,
                region=region,
                tier_from=float(tier_from),
                tier_to=None if tier_to == "Inf" else float(tier_to),
                unit=unit,
                price=float(price),
                currency=currency,
                as_of=as_of,
                source=source,
            )
        )
    return tuple(rows)


@cache
def _index() -> dict[tuple[str, str, str, str], tuple[UnitPrice, ...]]:
    found: dict[tuple[str, str, str, str], list[UnitPrice]] = {}
    for row in price_table():
        found.setdefault((row.service, row.item, row.region, row.architecture), []).append(row)
    return {key: tuple(sorted(rows, key=lambda row: row.tier_from)) for key, rows in found.items()}


def price_rows(service: str, item: str, region: str, architecture: str = "any") -> tuple[UnitPrice, ...]:
    """Find the rows of one price, its tiers ascending; empty if it is not known.

    Items that cost the same on both architectures are under ``any``; Region ``all`` holds the free tiers.
    """
    index = _index()
    return index.get((service, item, region, architecture)) or index.get((service, item, region, "any"), ())


@cache
def known_regions(architecture: str) -> tuple[str, ...]:
    """List the Regions in which invocations on an architecture can be priced, sorted."""
    regions = sorted({row.region for row in price_table() if row.item == "duration"})
    return tuple(region for region in regions if not _missing(region, architecture))


def _missing(region: str, architecture: str) -> list[str]:
    needed = {"duration": "compute time", "request": "requests", "ephemeral-storage": "ephemeral storage"}
    return [name for item, name in needed.items() if not price_rows("AWSLambda", item, region, architecture)]


def prices_for(
    region: str, architecture: str, *, account_gb_seconds: float = 0.0, savings_plan_discount: float = 0.0
) -> ArchitecturePrices:
    """Look up the on-demand prices of a Region and architecture, first tier unless the account's usage is given.

    Args:
        region: Such as ``eu-west-1``.
        architecture: ``x86_64`` or ``arm64``.
        account_gb_seconds: What the account uses on this architecture in a
            month: the tier in which another GB-second falls is priced.
        savings_plan_discount: By which ratio a savings plan lowers the price
            of compute time; requests and ephemeral storage are in none.

    Returns:
        Prices per unit. China's Regions are in yuan: see ``currency``.

    Raises:
        PriceUnknown: The Region or architecture is not in the table; the
            sentence says which, and what is known.

    Example:
        >>> prices_for("us-east-1", "arm64").usd_per_gb_second
        1.33334e-05
    """
    missing = _missing(region, architecture)
    if missing:
        raise _unknown(region, architecture, missing)
    tier = _tier(region, architecture, account_gb_seconds)
    return ArchitecturePrices(
        usd_per_gb_second=tier.price * (1.0 - savings_plan_discount),
        usd_per_request=price_rows("AWSLambda", "request", region, architecture)[0].price,
        usd_per_ephemeral_gb_second=price_rows("AWSLambda", "ephemeral-storage", region, architecture)[0].price,
        currency=tier.currency,
    )


def _unknown(region: str, architecture: str, missing: list[str]) -> PriceUnknown:
    if architecture not in ("x86_64", "arm64"):
        return PriceUnknown(
            f'No price is known for the architecture "{architecture}": there are x86_64 and arm64.', hint=_HINT
        )
    regions = known_regions(architecture)
    other = "x86_64" if architecture == "arm64" else "arm64"
    if region in known_regions(other):
        message = f"The price of {architecture} in Region {region} is not known, though that of {other} is."
        return PriceUnknown(message, hint=f"Leave {architecture} out of architectures, or see docs/prices.md.")
    if len(missing) < 3:
        message = f"The price of {' and of '.join(missing)} in Region {region} is not known for {architecture}."
    else:
        message = f"No Lambda price is known for Region {region} and {architecture}."
    return PriceUnknown(f"{message} Known Regions: {', '.join(regions)}.", hint=_HINT)


def tier_for(region: str, architecture: str, account_gb_seconds: float) -> UnitPrice:
    """Find the tier in which one more GB-second of a month falls; the highest known one if usage passes them all.

    Raises:
        PriceUnknown: As ``prices_for``.

    Example:
        >>> tier_for("us-east-1", "arm64", 8e9).price
        1.20001e-05
    """
    prices_for(region, architecture)
    return _tier(region, architecture, account_gb_seconds)


def _tier(region: str, architecture: str, account_gb_seconds: float) -> UnitPrice:
    rows = price_rows("AWSLambda", "duration", region, architecture)
    return next((row for row in reversed(rows) if row.tier_from <= account_gb_seconds), rows[0])


def transition_price_usd(region: str) -> float:
    """Look up what one state transition of a standard workflow costs.

    In US dollars, in China in yuan.

    Raises:
        PriceUnknown: The Region is not in the table.
    """
    rows = price_rows("AmazonStates", "state-transition", region)
    if not rows:
        raise PriceUnknown(
            f"The price of a Step Functions state transition in Region {region} is not known.", hint=_HINT
        )
    return rows[0].price


def invocation_cost_usd(
    memory_mb: float,
    billed_ms: float,
    prices: ArchitecturePrices,
    ephemeral_storage_mb: int = FREE_EPHEMERAL_STORAGE_MB,
) -> float:
    """Price one invocation: compute, its request, and ephemeral storage above 512 MB.

    *billed_ms* holds what is billed of init or restore already; what was used of the memory does not matter.

    Raises:
        ValueError: A duration or size that is not a number of at least 0.

    Example:
        >>> prices = ArchitecturePrices(0.0000166667, 0.0000002, 0.0000000309)
        >>> round(invocation_cost_usd(1024, 100, prices) * 1_000_000, 4)
        1.8667
    """
    for name, number in (("billed_ms", billed_ms), ("memory_mb", memory_mb)):
        if not 0 <= number < math.inf:
            raise ValueError(f"{name} is {number}: it must be a finite number of at least 0")
    per_second_usd = _per_second_usd(memory_mb, prices, ephemeral_storage_mb)
    return per_second_usd * billed_ms / 1_000 + prices.usd_per_request


def _per_second_usd(memory_mb: float, prices: ArchitecturePrices, ephemeral_storage_mb: int) -> float:
    above_free_gb = max(ephemeral_storage_mb - FREE_EPHEMERAL_STORAGE_MB, 0) / 1_024
    return memory_mb / 1_024 * prices.usd_per_gb_second + above_free_gb * prices.usd_per_ephemeral_gb_second


def candidate_per_second_usd(problem: SearchProblem, candidate: Candidate) -> float:
    """Price a second of compute at one of a run's candidates, without the request."""
    return _per_second_usd(candidate.memory_mb, problem.prices[candidate.architecture], problem.ephemeral_storage_mb)


def candidate_cost_usd(problem: SearchProblem, candidate: Candidate, billed_ms: float) -> float:
    """Price one invocation of a run's function at one of its candidates."""
    return invocation_cost_usd(
        candidate.memory_mb,
        billed_ms,
        problem.prices[candidate.architecture],
        ephemeral_storage_mb=problem.ephemeral_storage_mb,
    )


def clone_cost_usd(problem: SearchProblem, candidate: Candidate) -> float:
    """Price one clone itself: SnapStart's cache, if a run's clones have it; else nothing."""
    prices = problem.snapshot_prices
    return 0.0 if prices is None else candidate.memory_mb / 1_024 * prices.clone_usd_per_gb


def worst_usd(problem: SearchProblem, candidate: Candidate) -> float:
    """Price an invocation at its worst, in US dollars: in a new environment, and into the timeout."""
    return candidate_cost_usd(problem, candidate, problem.worst_ms) + restore_cost_usd(problem, candidate)


def restore_cost_usd(problem: SearchProblem, candidate: Candidate) -> float:
    """Price one restore of a clone with SnapStart, beside its invocation; nothing if clones have none."""
    prices = problem.snapshot_prices
    return 0.0 if prices is None else candidate.memory_mb / 1_024 * prices.restore_usd_per_gb
