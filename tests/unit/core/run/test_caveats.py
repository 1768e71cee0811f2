"""What a run assumes and warns of, one sentence each."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.core.run.examples import ACCOUNT, IDLE, TARGET, on
from tests.unit.core.run.test_search_plan import ASKED, planned
from tuner.core.errors import InvalidRequest
from tuner.core.model import TuningBudget
from tuner.core.request.tuning_request import MemoryRange, PowerTuning, TuningRequest, WeightedPayload
from tuner.core.run.caveats import assumptions, machine_warnings, reserve_warnings
from tuner.core.run.installation import Installation, Machine

QUIET = replace(ASKED, payloads=(WeightedPayload({"id": 1}),), monthly_invocations=1000.0)


def assumed(request: TuningRequest, installation: Installation = ACCOUNT) -> str:
    """The assumptions of a run, one a line."""
    problem = planned(request, installation=installation).problem
    return "\n".join(assumptions(request, TARGET, problem, installation, why_traffic_unknown="nobody called it"))


def test_a_run_that_says_everything_assumes_nothing() -> None:
    """In an account, with an event and a monthly count."""
    assert assumed(QUIET) == ""


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"payloads": (WeightedPayload({}),)}, "No payload was given"),
        ({"monthly_invocations": None}, "in a month is not known: nobody called it. So no monthly figure"),
        ({"savings_plan_discount": 0.12}, "12% below list"),
        ({"account_gb_seconds": 1000.0}, "by the tier of 1,000 GB-seconds a month"),
        ({"account_gb_seconds": 1e15, "prices_region": "af-south-1"}, "higher tiers are not known for af-south-1"),
    ],
)
def test_what_the_request_leaves_open_is_assumed(change: dict[str, object], sentence: str) -> None:
    """Each in a sentence of its own."""
    assert sentence in assumed(replace(QUIET, **change))  # type: ignore[arg-type]


def test_an_event_in_s3_is_an_event() -> None:
    """Nothing is assumed of it, though the request itself has none."""
    assert assumed(replace(QUIET, payloads=(WeightedPayload({}),), payload_s3="s3://bucket/event.json")) == ""


@pytest.mark.parametrize(("architecture", "said"), [("x86_64", True), ("arm64", False), (None, False)])
def test_prices_are_those_of_the_functions_architecture(architecture: str | None, said: bool) -> None:
    """Where this machine has another kind of processor than the function, that is said."""
    machine = replace(IDLE, architecture=architecture)  # type: ignore[arg-type]
    found = assumed(QUIET, on(machine))
    assert "milliseconds do not" in found
    assert ("Prices are those of arm64" in found) == said


@pytest.mark.parametrize(
    ("machine", "request_", "sentences"),
    [
        (None, replace(QUIET, architectures=("x86_64", "arm64")), []),
        (IDLE, QUIET, []),
        (IDLE, replace(QUIET, architectures=("x86_64", "arm64")), ["x86_64 cannot be measured on this machine"]),
        (replace(IDLE, load=1.5), QUIET, []),
        (replace(IDLE, load=1.6), QUIET, ["This machine was busy when the run began (load 1.6 on 2 cores)"]),
    ],
)
def test_what_the_users_machine_cannot_do_is_warned_of(
    machine: Machine | None, request_: TuningRequest, sentences: list[str]
) -> None:
    """Other processors, and work beside the run on more than three quarters of the cores."""
    found = list(machine_warnings(request_, TARGET, machine))
    assert len(found) == len(sentences)
    assert all(warning.startswith(sentence) for warning, sentence in zip(found, sentences, strict=True))


@pytest.mark.parametrize(
    ("request_", "copies"),
    [
        (replace(ASKED, memory=(512, 1024, 2048)), 3),
        (replace(ASKED, memory=(512, 2048)), 3),  # today's size is measured too
        (replace(ASKED, cold_starts=4, budget=TuningBudget(max_invocations=20)), 10),
        (replace(ASKED, memory=MemoryRange()), 50),
        (replace(ASKED, memory=MemoryRange(), budget=TuningBudget(max_invocations=12)), 12),
        (replace(ASKED, power_tuning=PowerTuning(num=10)), 2),
    ],
)
def test_all_copies_that_may_be_there_at_once_are_counted(request_: TuningRequest, copies: int) -> None:
    """Refused where one too few would be left for others, and not refused with just enough."""
    reserving = replace(request_, reserved_concurrency=3)
    problem = planned(reserving).problem
    with pytest.raises(InvalidRequest, match=f"up to {copies} clones would reserve {3 * copies} "):
        list(reserve_warnings(reserving, problem, 100 + 3 * copies - 1))
    (warning,) = reserve_warnings(reserving, problem, 100 + 3 * copies)
    assert f"the others have {3 * copies} less until then" in warning
    assert list(reserve_warnings(request_, problem, 0)) == []
