"""An input that was written for AWS Lambda Power Tuning: accepted as it is, with the meaning that it has there."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.unit.core.request.test_parsing import problems_of
from tuner.core.answer.codec import POWER_TUNING_NAMES
from tuner.core.codec import from_json, to_json
from tuner.core.errors import InvalidRequest
from tuner.core.model import LatencyGoal, TuningBudget
from tuner.core.request.fields import fields_of
from tuner.core.request.parsing import REQUEST_FIELDS, parse_request
from tuner.core.request.power_tuning import (
    DEFAULT_SIZES_MB,
    EVERY_SIZE_MB,
    MOST_COPIES,
    POWER_TUNING_FIELDS,
    PowerTuningInput,
)
from tuner.core.request.tuning_request import PowerTuning, TuningRequest, WeightedPayload

DOCS = Path(__file__).parents[4] / "docs"
ARN = "arn:aws:lambda:us-east-1:123456789012:function:resize"


def test_a_whole_input_is_accepted_as_it_is() -> None:
    """Every field of its documentation at once, but those that change the function."""
    request = parse_request(
        {
            "lambdaARN": ARN,
            "powerValues": [128, 256, 512],
            "num": 50,
            "payload": [{"payload": {"a": 1}, "weight": 30}, {"payload": '{"b": 2}', "weight": 70}],
            "parallelInvocation": True,
            "strategy": "balanced",
            "balancedWeight": 0.3,
            "autoOptimize": False,
            "autoOptimizeAlias": "prod",
            "dryRun": False,
            "preProcessorARN": None,
            "postProcessorARN": None,
            "discardTopBottom": 0.2,
            "sleepBetweenRunsMs": 100,
            "disablePayloadLogs": True,
            "includeOutputResults": True,
            "onlyColdStarts": True,
            "allowedExceptions": ["OrderNotFound", "OrderNotFound"],
        }
    )
    assert request == TuningRequest(
        lambda_arn=ARN,
        payloads=(WeightedPayload({"a": 1}, 30.0), WeightedPayload({"b": 2}, 70.0)),
        memory=(128, 256, 512),
        budget=TuningBudget(150, 10_000.0, 240.0),
        parallel_invocation=True,
        sleep_between_invocations_ms=100,
        power_tuning=PowerTuning(
            num=50,
            strategy="balanced",
            balanced_weight=0.3,
            discard_top_bottom=0.2,
            only_cold_starts=True,
            include_output_results=True,
            allowed_exceptions=("OrderNotFound",),
        ),
    )
    assert from_json(TuningRequest, json.loads(json.dumps(to_json(request)))) == request


def test_what_a_request_shows_can_be_given_again() -> None:
    """The request of a report is an input that means the same."""
    request = parse_request(
        {
            "lambdaARN": ARN,
            "num": 10,
            "strategy": "balanced",
            "balancedWeight": 0.1,
            "powerValues": ["128", "256"],
            "discardTopBottom": 0,
            "allowedExceptions": ["E"],
            "payload": {"a": 1},
        }
    )
    assert parse_request(request.to_input(with_payload=True)) == request


@pytest.mark.parametrize("name", POWER_TUNING_FIELDS)
def test_each_of_its_fields_asks_for_its_output(name: str) -> None:
    """And a request without any has none of them."""
    given: dict[str, Any] = {"num": 5, "powerValues": [128], "discardTopBottom": 0.1, "sleepBetweenRunsMs": 1}
    fallback = fields_of(PowerTuningInput)[name].default
    given |= {"autoOptimizeAlias": "", "allowedExceptions": []}
    assert parse_request({"lambdaARN": "f", name: given.get(name, fallback)}).power_tuning is not None
    assert parse_request({"lambdaARN": "f", name: None}).power_tuning is None


@pytest.mark.parametrize(
    ("fields", "sizes"),
    [
        ({}, DEFAULT_SIZES_MB),
        ({"powerValues": []}, DEFAULT_SIZES_MB),
        ({"powerValues": None}, DEFAULT_SIZES_MB),
        ({"powerValues": "ALL"}, EVERY_SIZE_MB),
        ({"powerValues": ["1024", 128, "128"]}, (128, 1024)),
        ({"memory": [1769, 512]}, (512, 1769)),
    ],
)
def test_sizes_of_a_fixed_design(fields: dict[str, Any], sizes: tuple[int, ...]) -> None:
    """Its defaults, its "ALL" (every 64 MB up to 3,008), its texts of digits; our lists."""
    request = parse_request({"lambdaARN": "f", "num": "5", **fields})
    assert request.memory == sizes
    assert request.num == 5
    assert request.budget.max_invocations == 5 * len(sizes)
    assert len(EVERY_SIZE_MB) == 46


def test_budget_of_a_fixed_design_is_the_users_where_there_is_one() -> None:
    """Bounds in dollars and minutes hold; a larger bound of invocations is lowered to what is asked for."""
    request = parse_request(
        {
            "lambdaARN": "f",
            "num": 10,
            "powerValues": [128, 256],
            "architectures": ["x86_64", "arm64"],
            "budget": {"maxInvocations": 500, "maxCostUsd": 0.1, "maxMinutes": 5},
        }
    )
    assert request.budget == TuningBudget(40, 0.1, 5.0)


def test_without_num_the_search_decides() -> None:
    """The other fields leave the budget and the sizes as they are."""
    request = parse_request({"lambdaARN": "f", "strategy": "speed", "powerValues": [128, 256]})
    assert request.num is None
    assert request.budget == TuningBudget()
    assert request.power_tuning == PowerTuning(strategy="speed")


def test_a_goal_may_stand_beside_num() -> None:
    """The cheapest of these sizes that meets it, from exactly these invocations."""
    request = parse_request({"lambdaARN": "f", "num": 5, "goal": {"percentile": 95, "limitMs": 300}})
    assert request.goal == LatencyGoal(95.0, 300.0)


@pytest.mark.parametrize(
    ("payload", "event"),
    [
        ("{}", {}),
        ('"text"', "text"),
        ("text", "text"),
        (None, None),
        ([1, 2], [1, 2]),
        ([], []),
        ('[{"payload": 1, "weight": 2}]', [{"payload": 1, "weight": 2}]),
        ([{"weight": 1}], [{"weight": 1}]),
    ],
)
def test_events_are_read_as_there(payload: Any, event: Any) -> None:
    """A text that is JSON is that JSON; what is no mix is an event."""
    assert parse_request({"lambdaARN": "f", "num": 5, "payload": payload}).payloads == (WeightedPayload(event),)


def test_a_text_is_a_text_where_the_request_is_ours() -> None:
    """Only a request with ``num`` is certain to be Power Tuning's."""
    assert parse_request({"lambdaARN": "f", "payload": "{}"}).payloads == (WeightedPayload("{}"),)


def test_a_mix_may_have_more_fields_there() -> None:
    """They are left out of the event."""
    payload = [{"payload": {"a": 1}, "weight": 2, "name": "small"}]
    assert parse_request({"lambdaARN": "f", "num": 5, "payload": payload}).payloads == (WeightedPayload({"a": 1}, 2.0),)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"num": 1}, "num is 1: it must be a whole number between 2 and 1,000"),
        ({"num": 0}, "num is 0: it must be a whole number"),
        ({"num": -5}, "num is -5: it must be a whole number"),
        ({"num": 5.5}, "num is 5.5: it must be a whole number"),
        ({"num": "many"}, 'num is the text "many", not a number: it must be a whole number'),
        ({"num": "５"}, 'num is the text "５", not a number'),
        ({"num": True}, "num is true: it must be a whole number"),
        ({"num": 1001}, "num is 1001: it must be a whole number between 2 and 1,000"),
        (
            {"num": 1000, "powerValues": "ALL"},
            "num is 1000 at 46 sizes: a run makes at most 10,000 invocations, and these are 46,000",
        ),
        (
            {"num": 10, "powerValues": [128, 256], "budget": {"maxInvocations": 19}},
            "budget.maxInvocations is 19: num is 10 at 2 sizes, which takes 20, leave it out or lower num",
        ),
        ({"num": 5, "memory": {"min": 128}}, "memory is a range and num is given: num invokes each size that often"),
        (
            {"num": 5, "powerValues": ["128", "12x"]},
            'powerValues[1] is the text "12x", not a number: it must be a whole number of MB',
        ),
        ({"num": 5, "powerValues": [64]}, "powerValues[0] is 64: it must be a whole number of MB"),
        ({"num": 5, "powerValues": 512}, "powerValues is 512: it must be"),
        ({"strategy": "cheap"}, 'strategy is "cheap": it must be "cost", "speed" or "balanced"'),
        ({"strategy": 1}, 'strategy is 1: it must be "cost", "speed" or "balanced"'),
        (
            {"strategy": "speed", "goal": {"percentile": 95, "limitMs": 300}},
            'strategy is "speed" and a goal is given: with a goal, the answer is the cheapest size that meets it',
        ),
        ({"balancedWeight": 1.5}, "balancedWeight is 1.5: it must lie between 0 and 1"),
        ({"balancedWeight": "0.5"}, 'balancedWeight is the text "0.5", not a number: it must lie between 0 and 1'),
        ({"autoOptimize": True}, "autoOptimize is not supported: no run changes the function"),
        ({"autoOptimizeAlias": "prod"}, "autoOptimizeAlias is not supported: no run changes an alias"),
        ({"autoOptimize": True, "autoOptimizeAlias": "prod"}, "autoOptimize is not supported"),
        ({"autoOptimize": "yes"}, 'autoOptimize is "yes": it must be true or false'),
        ({"discardTopBottom": 0.5}, "discardTopBottom is 0.5: it must lie between 0 and 0.4"),
        ({"sleepBetweenRunsMs": -1}, "sleepBetweenRunsMs is -1: it must be a whole number between 0 and 60,000"),
        (
            {"sleepBetweenRunsMs": 0, "sleepBetweenInvocationsMs": 0},
            "sleepBetweenInvocationsMs and sleepBetweenRunsMs are both given: they are two names of one field",
        ),
        ({"disablePayloadLogs": 1}, "disablePayloadLogs is 1: it must be true or false"),
        ({"includeOutputResults": "true"}, 'includeOutputResults is "true": it must be true or false'),
        ({"onlyColdStarts": 0}, "onlyColdStarts is 0: it must be true or false"),
        ({"allowedExceptions": "E"}, 'allowedExceptions is "E": it must be a list of error types'),
        ({"allowedExceptions": [5]}, "allowedExceptions[0] is 5: it must be a list of error types"),
        (
            {"num": 2, "payload": [{"payload": n, "weight": 1} for n in range(1, 4)]},
            "payload has 3 events and num is 2: each must be invoked at least once at each size, raise num",
        ),
        (
            {"num": 10, "payload": [{"payload": 1, "weight": 99}, {"payload": 2, "weight": 1}]},
            "payload[1].weight is 1 of 100 and num is 10: it would not be invoked once at each size",
        ),
        ({"num": 5, "payload": [{"payload": 1, "weight": -1}]}, "payload[0].weight is -1: it must be a number above 0"),
        ({"num": 5, "payload": "NaN"}, "payload is not JSON"),
        ({"Num": 5}, "Num is not a field (did you mean num?)"),
    ],
)
def test_what_is_refused(fields: dict[str, Any], sentence: str) -> None:
    """One sentence that names the field, what was given, and what to do."""
    (problem,) = problems_of({"lambdaARN": "f", **fields})
    assert sentence in problem
    assert problem.isprintable()


ITS_INPUT = {
    "lambdaARN", "powerValues", "num", "payload", "payloadS3", "parallelInvocation", "strategy", "balancedWeight",
    "autoOptimize", "autoOptimizeAlias", "dryRun", "preProcessorARN", "postProcessorARN", "discardTopBottom",
    "sleepBetweenRunsMs", "disablePayloadLogs", "includeOutputResults", "onlyColdStarts", "allowedExceptions",
}  # fmt: skip
"""Every field of its input. Source: its README-INPUT-OUTPUT.md and pull request 282, seen 2026-11."""


def test_the_comparison_has_every_field_and_they_are_fields() -> None:
    """docs/coming-from-power-tuning.md speaks of each of its fields, and of its output's."""
    text = (DOCS / "coming-from-power-tuning.md").read_text("utf-8")
    described, returned = text.split("## Output, field by field")
    rows = re.findall(r"^\| `(\w+)` \|", described, re.MULTILINE)
    assert sorted(rows) == sorted(ITS_INPUT)
    assert set(REQUEST_FIELDS) >= ITS_INPUT
    cells = re.findall(r"^\| (`[^|]+`) \|", returned, re.MULTILINE)
    named = {name.split(".")[0] for cell in cells for name in re.findall(r"`([\w.]+)`", cell)}
    assert named == set(POWER_TUNING_NAMES)


def test_the_comparison_shows_an_input_that_works() -> None:
    """The one to begin with."""
    text = (DOCS / "coming-from-power-tuning.md").read_text("utf-8")
    shown = json.loads(re.findall(r"```json\n(.*?)```", text, re.DOTALL)[0])
    request = parse_request(shown)
    assert request.payloads == (WeightedPayload({"key": "cat.jpg"}),)
    assert request.num == 50


def test_a_design_of_more_copies_than_an_execution_can_follow_is_refused() -> None:
    """Step Functions' history has room for so many events; the message says how many clones that is."""
    sizes = list(range(128, 128 + MOST_COPIES))
    parse_request({"lambdaARN": "f", "num": 2, "powerValues": sizes})
    with pytest.raises(InvalidRequest, match="at most 2,000 clones"):
        parse_request({"lambdaARN": "f", "num": 2, "powerValues": [*sizes, 10_000]})
