"""A request becomes a search problem, or is refused before anything is spent."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.core.run.examples import ACCOUNT, IDLE, TARGET, on
from tuner.core.errors import InvalidRequest
from tuner.core.function.target import TargetFunction
from tuner.core.model import Candidate, TuningBudget
from tuner.core.money.pricing import invocation_cost_usd, prices_for
from tuner.core.request.tuning_request import MemoryRange, ObservedDuration, PowerTuning, TuningRequest
from tuner.core.run.installation import Installation
from tuner.core.run.record import Outside
from tuner.core.run.search_plan import SearchPlan, plan_search

ASKED = TuningRequest("theirs", memory=(512, 1024))


def planned(
    request: TuningRequest = ASKED,
    *,
    target: TargetFunction = TARGET,
    installation: Installation = ACCOUNT,
    monthly_invocations: float | None = None,
) -> SearchPlan:
    """Plan the search of one event, one environment at a time."""
    return plan_search(
        request,
        target,
        installation,
        payload_weights=[1.0],
        monthly_invocations=monthly_invocations,
        max_parallel=1,
        seed_text="run-1",
    )


def test_todays_size_is_measured_on_todays_architecture_alone() -> None:
    """Other architectures have the sizes that were asked for; today's own is the comparison."""
    request = replace(ASKED, memory=(512,), architectures=("x86_64",))
    assert planned(request).problem.candidates == (
        Candidate(512, "x86_64"),
        Candidate(1024, "x86_64"),
        Candidate(1024, "arm64"),
    )


def test_other_architectures_are_left_out_on_this_machine() -> None:
    """It has one kind of processor."""
    request = replace(ASKED, architectures=("x86_64", "arm64"))
    architectures = {row.architecture for row in planned(request).problem.candidates}
    assert architectures == {"x86_64", "arm64"}
    architectures = {row.architecture for row in planned(request, installation=on(IDLE)).problem.candidates}
    assert architectures == {"arm64"}


def test_sizes_beyond_the_largest_are_named_with_the_reason() -> None:
    """They are not part of the search."""
    request = replace(ASKED, memory=(1024, 4096))
    local = planned(request, installation=on(IDLE))
    assert local.problem.candidates == (Candidate(1024, "arm64"),)
    assert local.outside == (Outside(4096, "more CPU than this machine has"),)
    (outside,) = planned(request, installation=replace(ACCOUNT, memory_cap_mb=3008)).outside
    assert outside.reason == "is above the largest size that can be measured here, 3,008 MB"


def test_a_function_larger_than_the_largest_size_is_refused() -> None:
    """Every answer is a comparison with today's size."""
    with pytest.raises(InvalidRequest, match=r"today's size of theirs, 1024 MB, .* the largest size is 512 MB"):
        planned(installation=replace(ACCOUNT, memory_cap_mb=512))


def test_prices_are_those_of_the_region_that_was_asked_for() -> None:
    """With the discount and the tier."""
    request = replace(ASKED, prices_region="af-south-1", savings_plan_discount=0.1)
    assert planned(request).problem.prices == {
        "arm64": prices_for("af-south-1", "arm64", savings_plan_discount=0.1),
    }
    assert planned().problem.prices == {"arm64": prices_for("eu-west-1", "arm64")}


def test_the_users_monthly_count_precedes_productions() -> None:
    """CloudWatch's is taken where the request says nothing."""
    assert planned(monthly_invocations=7.0).problem.monthly_invocations == 7.0
    asked = replace(ASKED, monthly_invocations=5.0)
    assert planned(asked, monthly_invocations=7.0).problem.monthly_invocations == 5.0


@pytest.mark.parametrize(
    ("budget", "timeout_s", "refusal"),
    [
        (TuningBudget(max_cost_usd=0.0000001), 10, "maxCostUsd is 1e-07: 2 invocations at today's size may cost"),
        (TuningBudget(max_minutes=2), 60, None),
        (TuningBudget(max_minutes=2), 61, r"maxMinutes is 2: 2 invocations may take 2\.0 minutes"),
    ],
)
def test_budget_below_the_least_possible_is_refused(budget: TuningBudget, timeout_s: int, refusal: str | None) -> None:
    """Two invocations that run into the timeout must fit."""
    target = replace(TARGET, timeout_s=timeout_s)
    if refusal is None:
        assert planned(replace(ASKED, budget=budget), target=target).budget == budget
    else:
        with pytest.raises(InvalidRequest, match=refusal):
            planned(replace(ASKED, budget=budget), target=target)


def test_cold_starts_come_out_of_the_budget() -> None:
    """At two sizes; the search keeps the two invocations without which there is no answer."""
    enough = planned(replace(ASKED, cold_starts=10, budget=TuningBudget(max_invocations=22)))
    assert (enough.budget.max_invocations, enough.problem.budget.max_invocations) == (22, 2)
    with pytest.raises(InvalidRequest, match=r"coldStarts is 10: .* takes 20 invocations of budget.maxInvocations, 21"):
        planned(replace(ASKED, cold_starts=10, budget=TuningBudget(max_invocations=21)))


def test_a_fixed_design_is_bounded_by_what_it_takes_at_its_worst() -> None:
    """2 sizes × 5 invocations of 20 s each, with the longest init; even a single invocation is a design."""
    prices = prices_for("eu-west-1", "arm64")
    worst_usd = 5 * (invocation_cost_usd(512, 20_000, prices) + invocation_cost_usd(1024, 20_000, prices))
    budget = planned(replace(ASKED, power_tuning=PowerTuning(num=5))).problem.budget
    assert budget.max_invocations == 10
    assert budget.max_cost_usd == pytest.approx(worst_usd, rel=0.01)
    assert budget.max_minutes == pytest.approx(10 * 20 / 60 + 30)
    single = planned(replace(ASKED, memory=(512,), power_tuning=PowerTuning(num=1))).problem
    assert single.design is not None
    assert (single.design.candidates, single.budget.max_invocations) == ((Candidate(512, "arm64"),), 1)


def test_a_design_without_a_size_that_can_be_measured_is_refused() -> None:
    """The largest one is named."""
    request = replace(ASKED, memory=(4096,), power_tuning=PowerTuning(num=2))
    with pytest.raises(InvalidRequest, match=r"no memory size that was asked for .* the largest is 3,538 MB"):
        planned(request, installation=on(IDLE))


def test_the_observed_size_must_be_measured() -> None:
    """Its duration scales all others, so it has to be one of them."""
    request = replace(ASKED, observed=ObservedDuration(512, 400.0))
    assert planned(request, installation=on(IDLE)).problem.must_measure == (Candidate(512, "arm64"),)
    with pytest.raises(InvalidRequest, match=r"observed\.memoryMb is 640, which is not among the sizes of this run"):
        planned(replace(request, observed=ObservedDuration(640, 400.0)), installation=on(IDLE))


def test_the_same_run_has_the_same_seed() -> None:
    """A repeated step draws the same numbers."""
    request = replace(ASKED, memory=MemoryRange(512, 1024, 256))
    assert planned(request) == planned(request)
