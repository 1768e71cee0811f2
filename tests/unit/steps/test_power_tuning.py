"""A run with an input of AWS Lambda Power Tuning, step by step on in-memory stand-ins."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from statistics import fmean
from typing import Any

import jsonschema
import pytest

from tests.unit.steps.conftest import NOW, FakeRun
from tuner.core.errors import InvalidRequest, PayloadFailed
from tuner.core.money.pricing import invocation_cost_usd, prices_for
from tuner.steps.recommend import recommend_for
from tuner.steps.report import report
from tuner.steps.restore import restore
from tuner.steps.run import load_payloads

SCHEMA = json.loads((Path(__file__).parents[3] / "docs/schema/report.schema.json").read_text())
SIZES: dict[str, Any] = {"powerValues": [128, 512, 1024, 2048]}


def finish(run: FakeRun) -> tuple[dict[str, Any], dict[str, Any]]:
    """Search to the end, recommend, restore and report; gives output and report."""
    run.search()
    recommend_for(run.artifacts)
    restore(run.artifacts, run.reader, run.clones, now=NOW.isoformat())
    output = report(run.artifacts, finished_at=NOW.isoformat())
    document = run.artifacts.read("report.json")
    jsonschema.validate(output, SCHEMA)
    jsonschema.validate(document, SCHEMA)
    return output, document


def counts(document: dict[str, Any]) -> dict[int, int]:
    """Invocations at each memory size."""
    return dict(Counter(row["memoryMb"] for row in document["observations"]))


def answer_with(run: FakeRun, error_type: str, *, at_mb: set[int] | None = None) -> None:
    """Let the function end in an error of its own, at some sizes or at all."""
    invoke = run.aws.invoke

    def failing(*, FunctionName: str, **arguments: Any) -> dict[str, Any]:  # noqa: N803
        answer = invoke(FunctionName=FunctionName, **arguments)
        if at_mb is None or run.aws.functions[FunctionName]["MemorySize"] in at_mb:
            answer["FunctionError"] = "Unhandled"
            body = json.dumps({"errorType": error_type, "errorMessage": "no"}).encode()
            answer["Payload"].read = lambda: body
        return answer

    run.aws.invoke = failing  # type: ignore[method-assign]


def test_num_invocations_at_each_size_and_their_averages(run: FakeRun) -> None:
    """Exactly as many as asked; every average can be recomputed from the report's rows."""
    run.plan(num=6, **SIZES, includeOutputResults=True)
    output, document = finish(run)
    assert counts(document) == {128: 6, 512: 6, 1024: 6, 2048: 6}
    assert output["invocations"] == 24
    assert output["verdict"] == "NO_GOAL"
    assert output["power"] == output["recommended"]["memoryMb"]
    assert [row["value"] for row in output["stats"]] == [128, 512, 1024, 2048]
    prices = prices_for("eu-west-1", "arm64")
    for stat in output["stats"]:
        warm = [row for row in document["observations"] if row["memoryMb"] == stat["value"] and not row["cold"]]
        assert len(warm) == 5
        assert stat["averageDuration"] == pytest.approx(fmean(row["durationMs"] for row in warm))
        assert stat["averagePrice"] == pytest.approx(
            fmean(invocation_cost_usd(stat["value"], row["billedMs"], prices) for row in warm)
        )
    chosen = next(row for row in output["stats"] if row["value"] == output["power"])
    assert (output["cost"], output["duration"]) == (chosen["averagePrice"], chosen["averageDuration"])
    assert output["stateMachine"]["lambdaCost"] == output["spentUsd"]
    # Two rounds, one batch and four: 7 + 4 · 2 + 5 transitions.
    assert output["stateMachine"]["executionCost"] == pytest.approx(20 * 0.000025)
    assert "visualization" not in output["stateMachine"]
    assert output["notes"] == []


def test_stats_are_there_where_they_are_asked_for(run: FakeRun) -> None:
    """Without includeOutputResults there are none, as there."""
    run.plan(num=2, powerValues=[512])
    output, _ = finish(run)
    assert "stats" not in output


def test_a_request_of_ours_has_none_of_its_fields(run: FakeRun) -> None:
    """Nobody asked for them."""
    run.plan(memory=[512, 1024])
    output, _ = finish(run)
    assert output.keys().isdisjoint({"power", "cost", "duration", "stateMachine", "stats", "notes", "strategy"})


@pytest.mark.parametrize(
    ("fields", "expected_mb"),
    [
        ({}, {128, 512}),
        ({"strategy": "cost"}, {128, 512}),
        ({"strategy": "speed"}, {2048}),
        ({"strategy": "balanced", "balancedWeight": 0}, {2048}),
        ({"strategy": "balanced", "balancedWeight": 1}, {128, 512}),
    ],
)
def test_strategies(run: FakeRun, fields: dict[str, Any], expected_mb: set[int]) -> None:
    """Cheapest, fastest, and the two ends of the balance."""
    run.aws.duration_ms = lambda memory_mb: 200_000 / memory_mb + 2
    run.plan(num=5, **SIZES, **fields)
    output, _ = finish(run)
    assert output["power"] in expected_mb
    assert output["strategy"] == fields.get("strategy", "cost")
    assert output["verdict"] == "NO_GOAL"


def test_what_has_no_effect_is_said(run: FakeRun) -> None:
    """In the output and in the report."""
    run.plan(num=2, powerValues=[512], discardTopBottom=0.2, onlyColdStarts=True, disablePayloadLogs=True)
    output, document = finish(run)
    assert [note.split(":")[0] for note in output["notes"]] == ["discardTopBottom", "onlyColdStarts"]
    assert set(output["notes"]) <= set(document["assumptions"])


def test_a_size_that_fails_is_told_and_the_others_decide(run: FakeRun) -> None:
    """An error of the function at one size ends the batch there, not the run."""
    answer_with(run, "MemoryError", at_mb={128})
    run.plan(num=5, **SIZES, includeOutputResults=True)
    output, document = finish(run)
    assert counts(document) == {128: 1, 512: 5, 1024: 5, 2048: 5}
    assert output["notes"] == ["128 MB arm64 was invoked 1 of 5 times: failed with MemoryError."]
    assert [row["value"] for row in output["stats"]] == [512, 1024, 2048]
    assert output["power"] != 128


def test_an_allowed_error_is_an_answer(run: FakeRun) -> None:
    """It is measured, priced, and recommended by, as a success."""
    answer_with(run, "OrderNotFound")
    run.plan(num=4, **SIZES, allowedExceptions=["OrderNotFound"], includeOutputResults=True)
    output, document = finish(run)
    assert counts(document) == {128: 4, 512: 4, 1024: 4, 2048: 4}
    assert {(row["outcome"], row["errorType"]) for row in document["observations"]} == {("ok", "OrderNotFound")}
    assert len(output["stats"]) == 4


def test_another_error_is_not_allowed(run: FakeRun) -> None:
    """Names are compared whole; the run ends after one invocation."""
    answer_with(run, "OrderNotFoundToday")
    run.plan(num=4, **SIZES, allowedExceptions=["OrderNotFound"])
    run.round()
    with pytest.raises(PayloadFailed, match="fails with this payload at its current size, 1024 MB: OrderNotFoundToday"):
        run.suggest()


def test_payload_check_at_a_size_that_is_not_todays(run: FakeRun) -> None:
    """Where today's size is not listed, the largest one is the first, and is named."""
    answer_with(run, "KeyError")
    run.plan(num=4, powerValues=[128, 512])
    run.round()
    with pytest.raises(PayloadFailed, match="fails with this payload at 512 MB: KeyError"):
        run.suggest()


def test_sleep_between_runs(run: FakeRun) -> None:
    """Between two invocations of a size, in milliseconds."""
    run.plan(num=3, powerValues=[1024], sleepBetweenRunsMs=250)
    finish(run)
    assert run.slept.count(0.25) >= 1


def test_a_mix_is_invoked_by_its_weights_at_each_size(run: FakeRun) -> None:
    """With 10 invocations 3 to 7 is 3 and 7 of them."""
    run.plan(num=10, powerValues=[512, 1024], payload=[{"payload": 1, "weight": 30}, {"payload": 2, "weight": 70}])
    _, document = finish(run)
    mix = Counter((row["memoryMb"], row["payloadIndex"]) for row in document["observations"])
    assert mix == {(512, 0): 3, (512, 1): 7, (1024, 0): 3, (1024, 1): 7}


def _events(run: FakeRun) -> list[Any]:
    read = load_payloads(run.artifacts)
    return [json.loads(read(index)) for index in range(len(run.artifacts.read("payload-sizes.json")))]


def test_a_payload_in_s3_is_read_as_there(run: FakeRun) -> None:
    """A mix with more fields is a mix; what is not JSON is a text."""
    run.s3.objects["payloads/mix.json"] = (
        b'[{"payload": "{}", "weight": 1, "name": "a"}, {"payload": {"b": 1}, "weight": 1}]'
    )
    run.plan(num=2, powerValues=[512], payloadS3="s3://bucket/payloads/mix.json")
    assert _events(run) == [{}, {"b": 1}]
    run.s3.objects["payloads/plain.txt"] = b"just a text"
    run.plan(num=2, powerValues=[512], payloadS3="s3://bucket/payloads/plain.txt")
    assert _events(run) == ["just a text"]
    with pytest.raises(InvalidRequest, match="which is not JSON"):
        run.plan(payloadS3="s3://bucket/payloads/plain.txt")


def test_a_smaller_budget_ends_it_and_says_so(run: FakeRun) -> None:
    """No size gets everything, and the notes tell what is missing."""
    prices = prices_for("eu-west-1", "arm64")
    each_usd = invocation_cost_usd(1024, 20_000, prices)
    run.plan(num=200, powerValues=[512, 1024], budget={"maxCostUsd": each_usd * 1.2})
    output, document = finish(run)
    assert "budget of $" in output["stoppedBecause"]
    made = counts(document)
    assert all(made[size] < 200 for size in (512, 1024))
    assert output["notes"]
    assert all("because the run ended before" in note for note in output["notes"])
    assert output["spentUsd"] <= each_usd * 1.2


def test_sizes_that_cannot_be_measured_are_listed(run: FakeRun) -> None:
    """The account's cap leaves out some; with none left, nothing is started."""
    run.memory_cap_mb = 1024
    run.plan(num=2, powerValues=[1024, 3008])
    output, document = finish(run)
    assert counts(document) == {1024: 2}
    assert output["notes"] == [
        "3,008 MB was not invoked: it is above the largest size that can be measured here, 1,024 MB."
    ]
    assert document["unmeasurable"][0]["memorySizesMb"] == [3008]
    with pytest.raises(InvalidRequest, match="no memory size that was asked for can be measured here"):
        run.plan(num=2, powerValues=[3008])


def test_dry_run_tells_what_the_design_takes(run: FakeRun) -> None:
    """One invocation, and the count that a run would make; none of the fields of an answer."""
    run.plan(num=10, **SIZES, dryRun=True)
    run.search()
    recommend_for(run.artifacts)
    output = report(run.artifacts, finished_at=NOW.isoformat())
    jsonschema.validate(output, SCHEMA)
    assert output["verdict"] == "DRY_RUN"
    assert output["invocations"] == 1
    assert output["estimate"]["invocations"] == 40
    assert 0 < output["estimate"]["minutes"] < 5
    assert "power" not in output


def test_a_goal_beside_num(run: FakeRun) -> None:
    """The verdict is the goal's, on exactly these invocations."""
    run.plan(num=6, **SIZES, goal={"percentile": 95, "limitMs": 300})
    output, document = finish(run)
    assert output["verdict"] == "GOAL_MET"
    assert output["power"] == 512
    assert counts(document) == dict.fromkeys((128, 512, 1024, 2048), 6)
