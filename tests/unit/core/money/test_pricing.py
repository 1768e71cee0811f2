"""Prices and the cost of invocations."""

import itertools
import math
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.core.errors import PriceUnknown
from tuner.core.model import ArchitecturePrices
from tuner.core.money import pricing
from tuner.core.money.pricing import (
    invocation_cost_usd,
    known_regions,
    price_rows,
    price_table,
    prices_for,
    tier_for,
    transition_price_usd,
)

US = ArchitecturePrices(usd_per_gb_second=0.0000166667, usd_per_request=2e-7, usd_per_ephemeral_gb_second=3.09e-8)
DOCS = Path(__file__).parents[4] / "docs" / "prices.md"


def test_prices_of_both_architectures() -> None:
    """The published prices of N. Virginia."""
    x86, arm = prices_for("us-east-1", "x86_64"), prices_for("us-east-1", "arm64")
    assert x86 == US
    assert arm.usd_per_gb_second == 0.0000133334
    assert arm.usd_per_request == x86.usd_per_request


@pytest.mark.parametrize(
    ("region", "architecture", "expected"),
    [
        ("af-south-1", "x86_64", 0.0000221),
        ("ap-east-1", "x86_64", 0.00002292),
        ("eu-south-1", "x86_64", 0.0000195172),
        ("eu-central-2", "x86_64", 0.0000183334),
        ("ap-southeast-5", "x86_64", 0.000015),
        ("ap-east-1", "arm64", 0.0000183),
    ],
)
def test_prices_differ_by_region(region: str, architecture: str, expected: float) -> None:
    """There is not one price worldwide."""
    assert prices_for(region, architecture).usd_per_gb_second == expected


def test_china_is_priced_in_yuan() -> None:
    """The currency says so, and arm64 is not guessed from x86_64."""
    assert prices_for("cn-north-1", "x86_64").currency == "CNY"
    with pytest.raises(
        PriceUnknown, match=r"price of arm64 in Region cn-north-1 is not known, though that of x86_64 is"
    ):
        prices_for("cn-north-1", "arm64")


def test_an_unknown_region_is_an_error_that_says_what_is_known() -> None:
    """No default: the sentence names the Region and the known ones."""
    with pytest.raises(
        PriceUnknown, match=r"il-central-1 and x86_64\. Known Regions: af-south-1, .*us-west-2"
    ) as caught:
        prices_for("il-central-1", "x86_64")
    assert "docs/prices.md" in caught.value.hint
    with pytest.raises(PriceUnknown):
        tier_for("il-central-1", "x86_64", 0.0)
    with pytest.raises(PriceUnknown, match="il-central-1"):
        transition_price_usd("il-central-1")


def test_a_price_that_is_known_in_part_is_unknown() -> None:
    """Compute time without the price of a request would be a guess."""
    with pytest.raises(PriceUnknown, match="price of requests and of ephemeral storage in Region me-central-1"):
        prices_for("me-central-1", "x86_64")


@pytest.mark.parametrize("architecture", ["riscv", "", "any", "X86_64"])
def test_an_unknown_architecture_is_an_error(architecture: str) -> None:
    """It is named, and the two that exist are."""
    with pytest.raises(PriceUnknown, match="there are x86_64 and arm64"):
        prices_for("us-east-1", architecture)


@pytest.mark.parametrize("region", ["", "all", "us-east-1 ", "US-EAST-1"])
def test_what_is_no_region_is_an_error(region: str) -> None:
    """The rows of the free tier are not a Region."""
    with pytest.raises(PriceUnknown):
        prices_for(region, "x86_64")


def test_tiers_are_cumulative() -> None:
    """The published tiers of N. Virginia: 6 and 9 billion GB-seconds wide."""
    assert [
        (tier.tier_from, tier.tier_to, tier.price)
        for tier in price_rows("AWSLambda", "duration", "us-east-1", "x86_64")
    ] == [
        (0, 6e9, 0.0000166667),
        (6e9, 15e9, 0.000015),
        (15e9, None, 0.0000133334),
    ]


def test_transition_prices() -> None:
    """Ireland's and Seoul's differ."""
    assert transition_price_usd("eu-west-1") == 0.000025
    assert transition_price_usd("ap-northeast-2") == 0.0000271


def test_other_prices_of_the_table() -> None:
    """SnapStart's cache, provisioned concurrency, the free tier."""
    assert price_rows("AWSLambda", "snapstart-cache", "us-east-1")[0].price == 0.0000015046
    assert price_rows("AWSLambda", "provisioned-concurrency", "eu-west-1", "x86_64")
    assert price_rows("AWSLambda", "free-tier-duration", "all")[0].tier_to == 400_000
    assert price_rows("AWSLambda", "snapstart-cache", "nowhere") == ()


def test_one_gigabyte_is_1024_megabytes() -> None:
    """One second at 1,024 MB costs one GB-second and a request."""
    assert invocation_cost_usd(1024, 1000, US) == pytest.approx(0.0000166667 + 2e-7)
    assert invocation_cost_usd(1024, 100, US) * 1e6 == pytest.approx(1.8667, abs=1e-4)


def test_ephemeral_storage_is_billed_above_512_mb() -> None:
    """2,560 MB are 2 GB above what is free, billed for the duration."""
    assert invocation_cost_usd(128, 1000, US, 2560) - invocation_cost_usd(128, 1000, US) == pytest.approx(2 * 3.09e-8)
    assert invocation_cost_usd(128, 1000, US, 512) == invocation_cost_usd(128, 1000, US)


@given(
    st.integers(min_value=128, max_value=10_240),
    st.integers(min_value=1, max_value=900_000),
    st.integers(min_value=512, max_value=10_240),
)
def test_cost_rises_with_billed_time_and_memory(memory_mb: int, billed_ms: int, storage_mb: int) -> None:
    """One more millisecond or megabyte never costs less."""
    cost = invocation_cost_usd(memory_mb, billed_ms, US, storage_mb)
    assert invocation_cost_usd(memory_mb, billed_ms + 1, US, storage_mb) > cost
    assert invocation_cost_usd(memory_mb + 1, billed_ms, US, storage_mb) > cost


@pytest.mark.parametrize("billed_ms", [-1, math.nan, math.inf])
def test_impossible_durations_are_refused(billed_ms: float) -> None:
    """Each by its name."""
    with pytest.raises(ValueError, match="billed_ms"):
        invocation_cost_usd(128, billed_ms, US)
    with pytest.raises(ValueError, match="memory_mb"):
        invocation_cost_usd(-128, 1, US)


def test_the_table_is_well_formed() -> None:
    """Every row has a price, a source and the date it was seen; tiers join; nothing is there twice."""
    seen = set()
    for row in price_table():
        assert row.price >= 0
        assert (row.price == 0) == row.item.startswith("free-tier")
        assert row.source
        assert row.as_of
        assert row.currency == ("CNY" if row.region.startswith("cn-") else "USD")
        assert row.architecture in ("x86_64", "arm64", "any")
        key = (row.service, row.item, row.region, row.architecture, row.tier_from)
        assert key not in seen
        seen.add(key)
    for region in known_regions("x86_64"):
        tiers = price_rows("AWSLambda", "duration", region, "x86_64")
        assert tiers[0].tier_from == 0
        assert all(low.tier_to == high.tier_from for low, high in itertools.pairwise(tiers))
        assert transition_price_usd(region) > 0


def test_the_documentation_lists_the_known_regions() -> None:
    """docs/prices.md has each Region's prices as the table has them."""
    text = DOCS.read_text("utf-8")
    for region in sorted({*known_regions("x86_64"), *known_regions("arm64")}):
        cells = []
        for architecture in ("x86_64", "arm64"):
            rows = price_rows("AWSLambda", "duration", region, architecture)
            cells.append(f"{rows[0].price:.10f}".rstrip("0") if rows else "unknown")
        assert f"| `{region}` | {' | '.join(cells)} |" in text


def test_importing_reads_nothing() -> None:
    """The table is read when something is priced, not while a handler starts."""
    code = "import tuner.core.money.pricing as p; assert p.price_table.cache_info().currsize == 0"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert pricing.price_table.cache_info() is not None
