"""Clones with SnapStart, where the request asks for them: published, waited for, restored, and paid for."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.steps.conftest import NOW, FakeRun
from tests.unit.steps.fakes import client_error
from tuner.core.errors import CloneFailed, CloneNotReady, InvalidRequest, PriceUnknown, Throttled
from tuner.core.run.plan import CLONE_PREFIX
from tuner.steps.create_clones import create_clones
from tuner.steps.recommend import recommend_for
from tuner.steps.report import report
from tuner.steps.restore import restore
from tuner.steps.suggest import suggest_round

SNAP_START = {"ApplyOn": "PublishedVersions", "OptimizationStatus": "Off"}
IN_US = "arn:aws:lambda:us-east-1:123456789012:function:theirs"
CACHE_USD_PER_GB = 0.0000015046 * 3 * 3600
RESTORE_USD_PER_GB = 0.0001397998


@pytest.fixture
def run() -> FakeRun:
    """A run on a function with SnapStart, in the Region whose prices are known."""
    fake = FakeRun()
    fake.aws.add("theirs", FunctionArn=IN_US, SnapStart=SNAP_START)
    return fake


def patiently(make: Callable[[], object]) -> None:
    """Call again as the state machine does."""
    for _ in range(5):
        try:
            make()
        except CloneNotReady:
            continue
        return
    raise AssertionError("it never became ready")


def search(run: FakeRun) -> None:
    """Turn the loop to its end."""
    for _ in range(100):
        number, batches = run.suggest()
        if not batches:
            return
        patiently(lambda n=number: create_clones(run.artifacts, run.reader, run.clones, n))  # type: ignore[misc]
        for batch in batches:
            run.measure(batch)


def finish(run: FakeRun) -> dict[str, Any]:
    """Recommend, restore and report; gives the document."""
    recommend_for(run.artifacts)
    restore(run.artifacts, run.reader, run.clones, now=NOW.isoformat())
    report(run.artifacts, finished_at=NOW.isoformat())
    return dict(run.artifacts.read("report.json"))


def copies(run: FakeRun) -> list[str]:
    """Names of the clones that are there."""
    return [name for name in run.aws.functions if name.startswith(CLONE_PREFIX)]


def test_run_with_snapstart_sees_restores_and_counts_their_fees(run: FakeRun) -> None:
    """Cold starts are restores, cold starts on request too; the fees are in what was spent; nothing is left."""
    run.plan(memory=[512, 1024, 2048], snapStart=True, coldStarts=2, budget={"maxInvocations": 20})
    search(run)
    made = [run.aws.functions[name] for name in copies(run)]
    assert all(copy["SnapStart"] == {"ApplyOn": "PublishedVersions"} for copy in made)
    gigabytes = sum(copy["MemorySize"] for copy in made) / 1024
    document = finish(run)
    cold = [row for row in document["observations"] if row["cold"]]
    assert {row["initMs"] for row in cold} == {300.0}
    assert all(row["billedMs"] < row["durationMs"] + 42 for row in cold)
    restored_gb = sum(row["memoryMb"] for row in cold) / 1024
    fees_usd = gigabytes * CACHE_USD_PER_GB + restored_gb * RESTORE_USD_PER_GB
    assert document["snapStart"] == {
        "copies": len(made),
        "restores": len(cold),
        "feesUsd": pytest.approx(fees_usd, rel=1e-9),
    }
    assert fees_usd < document["spentUsd"] < fees_usd + 0.01
    assert document["spentUsd"] <= document["request"]["budget"]["maxCostUsd"]
    assert {row["count"] for row in document["coldStarts"]} <= {2, 3, 4}
    assert all(row["initMs"]["p50"] == 300.0 for row in document["coldStarts"])
    assert document["request"]["snapStart"] is True
    assert any("clones have SnapStart, as the function" in text for text in document["warnings"])
    assert run.aws.functions.keys() == {"theirs"}


def test_copies_are_waited_for_until_their_version_is_active(run: FakeRun) -> None:
    """The function itself is active before that; nothing is invoked meanwhile, and no clone is made twice."""
    run.aws.pending_looks = 2
    run.plan(snapStart=True)
    number, _ = run.suggest()
    for _ in range(3):
        with pytest.raises(CloneNotReady, match="1 of 1 temporary functions are not published yet"):
            create_clones(run.artifacts, run.reader, run.clones, number)
    assert create_clones(run.artifacts, run.reader, run.clones, number) == 1
    assert [call for call, _ in run.aws.calls if call in {"create_function", "invoke"}] == ["create_function"]


@pytest.mark.parametrize(
    ("version_says", "sentence"),
    [
        (
            {"State": "Failed", "StateReasonCode": "FunctionError", "StateReason": "Function initialization error"},
            "could not make a SnapStart snapshot of .*: Function initialization error",
        ),
        ({"State": "Failed"}, "no reason given"),
        ({"SnapStart": {"ApplyOn": "PublishedVersions", "OptimizationStatus": "Off"}}, "made no SnapStart snapshot"),
    ],
)
def test_version_that_fails_ends_the_run_with_its_reason(
    run: FakeRun, version_says: dict[str, Any], sentence: str
) -> None:
    """Or has no snapshot in the end; the fee of its cache is in what was spent, and nothing is left."""
    run.aws.version_says = version_says
    run.plan(snapStart=True)
    number, _ = run.suggest()
    with pytest.raises(CloneNotReady):
        create_clones(run.artifacts, run.reader, run.clones, number)
    with pytest.raises(CloneNotReady):
        create_clones(run.artifacts, run.reader, run.clones, number)
    with pytest.raises(CloneFailed, match=sentence) as failed:
        create_clones(run.artifacts, run.reader, run.clones, number)
    assert "leave snapStart out" in failed.value.hint.lower().replace("snapstart", "snapStart")
    restore(run.artifacts, run.reader, run.clones, now=NOW.isoformat())
    report(run.artifacts, finished_at=NOW.isoformat(), status="FAILED")
    assert run.artifacts.read("report.json")["spentUsd"] == pytest.approx(CACHE_USD_PER_GB)
    assert run.aws.functions.keys() == {"theirs"}


def test_copies_that_aws_refused_cost_nothing(run: FakeRun) -> None:
    """A size above the account's cap, learnt in the run, and a clone that could not be made at all."""

    def cap(call: str, name: str) -> None:
        if call == "create_function" and "-2048-" in name:
            raise client_error("ValidationException", "'MemorySize' must have value less than or equal to 1024")

    run.aws.before = cap
    run.plan(memory=[512, 1024, 2048], snapStart=True)
    search(run)
    made = len(copies(run))
    document = finish(run)
    assert made == len([name for call, name in run.aws.calls if call == "create_function" and "-2048-" not in name])
    assert any("-2048-" in name for call, name in run.aws.calls if call == "create_function")
    assert document["snapStart"]["copies"] == made


def test_run_whose_first_copy_is_refused_paid_nothing(run: FakeRun) -> None:
    """It was planned, and restore found nothing of it."""

    def refuse(call: str, name: str) -> None:
        if call == "create_function":
            raise client_error("InvalidParameterValueException", "The role cannot be assumed by Lambda.")

    run.aws.before = refuse
    run.plan(snapStart=True)
    number, _ = run.suggest()
    with pytest.raises(CloneFailed):
        create_clones(run.artifacts, run.reader, run.clones, number)
    restore(run.artifacts, run.reader, run.clones, now=NOW.isoformat())
    report(run.artifacts, finished_at=NOW.isoformat(), status="FAILED")
    document = run.artifacts.read("report.json")
    assert (document["spentUsd"], document["snapStart"]["copies"]) == (0.0, 0)


def test_throttles_and_an_abort_while_waiting_leave_nothing(run: FakeRun) -> None:
    """A throttled look is repeated; a clone that is still being published is removed when AWS lets it."""
    run.plan(snapStart=True)
    number, _ = run.suggest()
    with pytest.raises(CloneNotReady):
        create_clones(run.artifacts, run.reader, run.clones, number)

    def slow_down(call: str, name: str) -> None:
        if call == "get_function_configuration" and name.startswith(CLONE_PREFIX):
            raise client_error("TooManyRequestsException", "Rate exceeded")
        if call == "delete_function":
            raise client_error("ResourceConflictException", "The function is currently in the following state: Pending")

    run.aws.before = slow_down
    with pytest.raises(Throttled):
        create_clones(run.artifacts, run.reader, run.clones, number)
    with pytest.raises(CloneNotReady, match="can be removed yet"):
        restore(run.artifacts, run.reader, run.clones, now=NOW.isoformat())
    run.aws.before = lambda call, name: None
    assert restore(run.artifacts, run.reader, run.clones, now=NOW.isoformat()).complete
    assert run.aws.functions.keys() == {"theirs"}


def test_version_number_of_another_function_is_not_trusted(run: FakeRun) -> None:
    """AWS goes on counting where a function of the same name was removed: version 1 would be nobody's."""
    run.plan(snapStart=True)
    number, _ = run.suggest()
    original = run.aws.create_function
    run.aws.create_function = lambda **request: {**original(**request), "Version": "2"}  # type: ignore[method-assign]
    with pytest.raises(CloneFailed, match=r"The first version of .* got the number 2"):
        create_clones(run.artifacts, run.reader, run.clones, number)


@pytest.mark.parametrize("code", ["SnapStartException", "SnapStartTimeoutException"])
def test_hook_that_fails_after_the_restore_is_the_functions_failure(run: FakeRun, code: str) -> None:
    """The run ends and says what AWS said."""
    run.plan(snapStart=True)
    number, (batch,) = run.suggest()
    patiently(lambda: create_clones(run.artifacts, run.reader, run.clones, number))

    def fail(call: str, name: str) -> None:
        if call == "invoke":
            raise client_error(code, "afterRestore hook failed")

    run.aws.before = fail
    run.measure(batch)
    with pytest.raises(Exception, match=f"{code}: afterRestore hook failed"):
        suggest_round(run.artifacts, now=NOW)


def test_version_that_fell_asleep_is_waited_for(run: FakeRun) -> None:
    """What AWS refuses because the snapshot is not ready has not run."""
    run.plan(snapStart=True)
    number, (batch,) = run.suggest()
    patiently(lambda: create_clones(run.artifacts, run.reader, run.clones, number))
    refusals = iter([client_error("SnapStartNotReadyException", "Lambda is initializing your function")])

    def refuse_once(call: str, name: str) -> None:
        if call == "invoke" and (error := next(refusals, None)):
            raise error

    run.aws.before = refuse_once
    assert run.measure(batch) == 1


def test_function_without_snapstart_is_refused() -> None:
    """Clones with it would be unlike the function; nothing was made."""
    fake = FakeRun()
    fake.aws.add("theirs", FunctionArn=IN_US, SnapStart={"ApplyOn": "None", "OptimizationStatus": "Off"})
    with pytest.raises(InvalidRequest, match="snapStart is true, and theirs has no SnapStart") as refused:
        fake.plan(snapStart=True)
    assert "Leave snapStart out" in refused.value.hint
    assert not copies(fake)


def test_unknown_price_is_refused_and_javas_is_none() -> None:
    """A run must keep its budget; Java's managed runtimes have no fee in any Region."""
    fake = FakeRun()
    fake.aws.add("theirs", SnapStart=SNAP_START)
    with pytest.raises(PriceUnknown, match="price of SnapStart in Region eu-west-1 is not known"):
        fake.plan(snapStart=True)
    fake = FakeRun()
    fake.aws.add("theirs", SnapStart=SNAP_START, Runtime="java21")
    record = fake.plan(snapStart=True)
    (warning,) = [text for text in record.warnings if "SnapStart" in text]
    assert "$" not in warning
    search(fake)
    document = finish(fake)
    assert document["snapStart"]["feesUsd"] == 0.0
    assert document["snapStart"]["restores"] > 0


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (
            {"FunctionArn": IN_US},
            r"With snapStart .* minutes a round and up to \$0\.\d\d in this run: \$0\.016 for each GB",
        ),
        ({"Runtime": "java21"}, "With snapStart .* minutes a round and no fee, as Java has none"),
        ({}, "snapStart cannot change that here: the price of SnapStart in Region eu-west-1 is not known"),
    ],
)
def test_without_the_field_the_run_says_what_it_would_cost(function: dict[str, str], sentence: str) -> None:
    """Cold starts are then full initialisations: clones have no SnapStart and are not published."""
    fake = FakeRun()
    fake.aws.add("theirs", **{"SnapStart": SNAP_START, **function})
    record = fake.plan(memory=[512, 1024, 2048])
    (warning,) = [text for text in record.warnings if "SnapStart" in text]
    assert "full initialisations" in warning
    assert re.search(sentence, warning)
    fake.search()
    assert not any(fake.aws.functions[name]["Publish"] for name in copies(fake))


def test_budget_counts_a_copys_fee_before_it_is_made(run: FakeRun) -> None:
    """A budget that covers one clone's cache and its invocations has one clone; less than that is refused."""
    worst_usd = 20 * (1024 / 1024 * 0.0000133334) + 1e-6
    with pytest.raises(InvalidRequest, match=re.escape("budget.maxCostUsd is 0.01: 2 invocations at today's size")):
        run.plan(snapStart=True, budget={"maxCostUsd": 0.01})
    budget = {"maxCostUsd": CACHE_USD_PER_GB + 8 * (worst_usd + RESTORE_USD_PER_GB)}
    run.plan(memory=[1024, 2048], snapStart=True, budget=budget)
    search(run)
    assert [run.aws.functions[name]["MemorySize"] for name in copies(run)] == [1024]
    assert finish(run)["spentUsd"] <= budget["maxCostUsd"]


def test_cold_starts_that_the_budget_does_not_cover_are_not_made(run: FakeRun) -> None:
    """Each fresh clone costs a cache of its own."""
    run.plan(memory=[1024], snapStart=True, coldStarts=50, budget={"maxCostUsd": 0.1, "maxInvocations": 200})
    search(run)
    document = finish(run)
    assert 2 <= document["snapStart"]["copies"] <= 6
    assert document["spentUsd"] <= 0.1


def test_dry_run_estimates_fees_and_minutes(run: FakeRun) -> None:
    """Both are more than without SnapStart; the one clone that it made is paid for."""
    estimates = {}
    for snap_start in (False, True):
        fake = FakeRun()
        fake.aws.add("theirs", FunctionArn=IN_US, SnapStart=SNAP_START)
        fake.plan(memory=[512, 1024, 2048], snapStart=snap_start, dryRun=True)
        search(fake)
        report(fake.artifacts, finished_at=NOW.isoformat())
        document = fake.artifacts.read("report.json")
        estimates[snap_start] = document["estimate"]
        assert ("snapStart" in document) is snap_start
    assert document["snapStart"]["copies"] == document["snapStart"]["restores"] == 1
    fees_usd = estimates[True]["costUsd"] - estimates[False]["costUsd"]
    assert 3.5 * CACHE_USD_PER_GB < fees_usd < 3.5 * CACHE_USD_PER_GB + 0.01
    assert estimates[True]["minutes"] > estimates[False]["minutes"] + 20


def test_fixed_design_has_its_fees_in_its_budget(run: FakeRun) -> None:
    """What the sizes take at their worst is enough, the caches included: nothing is cut."""
    run.plan(powerValues=[512, 1024], num=5, snapStart=True)
    search(run)
    document = finish(run)
    assert document["invocations"] == 10
    assert document["stateMachine"]["lambdaCost"] == document["spentUsd"]


def test_cold_share_prices_restores(run: FakeRun) -> None:
    """A restore's fee is part of a request's cost in production, as often as it is cold."""
    run.plan(snapStart=True, coldStartShare=0.5, num=6, powerValues=[1024])
    search(run)
    row = finish(run)["recommended"]
    assert row["costPerMillionUsd"]["estimate"] > 0.5e6 * RESTORE_USD_PER_GB
