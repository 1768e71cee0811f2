"""The execution's input: what is accepted, what is refused, and how."""

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuner.core.codec import from_json, to_json
from tuner.core.errors import InvalidRequest
from tuner.core.model import LatencyGoal, TuningBudget
from tuner.core.request.parsing import REQUEST_FIELDS, parse_request
from tuner.core.request.tuning_request import MemoryRange, ObservedDuration, TuningRequest, WeightedPayload

DOCS = Path(__file__).parents[4] / "docs" / "request.md"


def problems_of(raw: Any, *, local: bool = False) -> tuple[str, ...]:
    """The sentences that an input is refused with."""
    with pytest.raises(InvalidRequest) as caught:
        parse_request(raw, local=local)
    return caught.value.problems


def test_defaults() -> None:
    """A function is all that must be named."""
    assert parse_request({"lambdaARN": "resize"}) == TuningRequest(
        lambda_arn="resize",
        goal=None,
        payloads=(WeightedPayload({}, 1.0),),
        payload_s3=None,
        memory=MemoryRange(128, 10_240),
        architectures=None,
        budget=TuningBudget(50, 1.0, 60.0),
        confidence=0.9,
        tolerance=0.05,
        cold_start_share=None,
        monthly_invocations=None,
        parallel_invocation=None,
        sleep_between_invocations_ms=0,
        dry_run=False,
        observed=None,
    )


def test_every_field() -> None:
    """All of them at once, each where it belongs."""
    request = parse_request(
        {
            "lambdaARN": "arn:aws:lambda:eu-west-1:123456789012:function:resize:live",
            "goal": {"percentile": 99.9, "limitMs": 300},
            "payload": [{"payload": {"a": 1}, "weight": 3}, {"payload": None, "weight": 0.5}],
            "memory": {"min": 256, "max": 2048},
            "architectures": ["arm64", "x86_64", "arm64"],
            "budget": {"maxInvocations": 20.0, "maxCostUsd": 1, "maxMinutes": 5},
            "confidence": 0.95,
            "tolerance": 0,
            "coldStartShare": 0.1,
            "monthlyInvocations": 1000000,
            "savingsPlanDiscount": 0.12,
            "accountGbSecondsPerMonth": 7e9,
            "parallelInvocation": True,
            "sleepBetweenInvocationsMs": 100,
            "reservedConcurrency": 2.0,
            "snapStart": True,
            "preProcessorARN": None,
            "postProcessorARN": "",
            "dryRun": True,
            "observed": {"memoryMb": 512, "durationMs": 420},
            "cpuTime": True,
            "pricesRegion": "eu-central-2",
        },
        local=True,
    )
    assert request == TuningRequest(
        lambda_arn="arn:aws:lambda:eu-west-1:123456789012:function:resize:live",
        goal=LatencyGoal(99.9, 300.0),
        payloads=(WeightedPayload({"a": 1}, 3.0), WeightedPayload(None, 0.5)),
        memory=MemoryRange(256, 2_048),
        architectures=("arm64", "x86_64"),
        budget=TuningBudget(20, 1.0, 5.0),
        confidence=0.95,
        tolerance=0.0,
        cold_start_share=0.1,
        monthly_invocations=1_000_000.0,
        savings_plan_discount=0.12,
        account_gb_seconds=7e9,
        parallel_invocation=True,
        sleep_between_invocations_ms=100,
        reserved_concurrency=2,
        snap_start=True,
        dry_run=True,
        observed=ObservedDuration(512, 420.0),
        cpu_time=True,
        prices_region="eu-central-2",
    )
    assert isinstance(request.budget.max_invocations, int)


@pytest.mark.parametrize("name", ["memory", "powerValues"])
@pytest.mark.parametrize(("given_sizes", "expected"), [([1024, 512], (512, 1024)), ("ALL", MemoryRange())])
def test_memory_has_two_names(name: str, given_sizes: Any, expected: Any) -> None:
    """The second one is AWS Lambda Power Tuning's."""
    assert parse_request({"lambdaARN": "f", name: given_sizes}).memory == expected


def test_a_payload_in_s3() -> None:
    """It is read later; there is none in the request then."""
    request = parse_request({"lambdaARN": "f", "payloadS3": "s3://bucket/a/b.json"})
    assert request.payloads == ()
    assert request.payload_s3_location == ("bucket", "a/b.json")


def test_null_is_left_out_but_for_the_payload() -> None:
    """JSON writers write null for what is not there; an event may be null."""
    request = parse_request({"lambdaARN": "f", "goal": None, "budget": {"maxMinutes": None}, "confidence": None})
    assert request == TuningRequest("f")
    assert parse_request({"lambdaARN": "f", "payload": None}).payloads == (WeightedPayload(None),)


def test_step_functions_own_field_is_allowed() -> None:
    """An execution that starts another one may name itself."""
    assert parse_request({"lambdaARN": "f", "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID": "arn:…"}) == TuningRequest(
        "f"
    )


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"goal": {"percentile": 0, "limitMs": 1}}, "goal.percentile is 0: it must lie between 50 and 99.9"),
        ({"goal": {"percentile": 99.95, "limitMs": 1}}, "goal.percentile is 99.95: it must lie between 50 and 99.9"),
        ({"goal": {"percentile": 95, "limitMs": -5}}, "goal.limitMs is -5: it must be above 0"),
        ({"goal": {"percentile": 95, "limitMs": 0}}, "goal.limitMs is 0: it must be above 0"),
        ({"goal": {"percentile": 95, "limitMs": math.nan}}, "goal.limitMs is NaN: it must be above 0"),
        ({"goal": {"percentile": 95, "limitMs": math.inf}}, "goal.limitMs is Infinity: it must be above 0"),
        ({"goal": {"percentile": True, "limitMs": 5}}, "goal.percentile is true: it must lie between 50 and 99.9"),
        (
            {"goal": {"percentile": "95", "limitMs": 5}},
            'goal.percentile is the text "95", not a number: it must lie between 50 and 99.9',
        ),
        ({"goal": {"percentile": 95}}, "goal.limitMs is missing: it must be above 0"),
        ({"goal": {"percentile": 95, "limitMs": 5, "x": 1}}, "goal.x is not a field: there are percentile and limitMs"),
        (
            {"goal": {"percentile": 95, "limitMs": 5, "limit": 1}},
            "goal.limit is not a field (did you mean limitMs?)",
        ),
        ({"goal": "p95=300ms"}, 'goal is "p95=300ms": it must be an object with "percentile" and "limitMs"'),
        ({"payload": []}, "payload is an empty list"),
        ({"payload": [{"payload": 1, "weight": 0}]}, "payload[0].weight is 0: it must be a number above 0"),
        ({"payload": math.nan}, "payload is not JSON"),
        ({"payload": {}, "payloadS3": "s3://b/k"}, "payloadS3 and payload are both given: give one of them"),
        ({"payloadS3": "bucket/key"}, 'payloadS3 is "bucket/key": it must have the form s3://bucket/key'),
        ({"payloadS3": "s3://bucket/"}, "it must have the form s3://bucket/key"),
        ({"payloadS3": 5}, "payloadS3 is 5: it must have the form s3://bucket/key"),
        ({"memory": "512"}, 'memory is the text "512"'),
        ({"memory": []}, "memory is an empty list"),
        ({"powerValues": [64]}, "powerValues[0] is 64"),
        ({"memory": [512], "powerValues": [512]}, "memory and powerValues are both given"),
        ({"architectures": []}, "architectures is an empty list: name at least one, or leave it out"),
        ({"architectures": ["arm"]}, 'architectures[0] is "arm": it must be "x86_64" or "arm64"'),
        ({"architectures": "arm64"}, 'architectures is "arm64": it must be a list of "x86_64" and "arm64"'),
        (
            {"budget": {"maxInvocations": 1}},
            "budget.maxInvocations is 1: it must be a whole number between 2 and 10,000",
        ),
        ({"budget": {"maxInvocations": 2.5}}, "budget.maxInvocations is 2.5: it must be a whole number"),
        ({"budget": {"maxCostUsd": 0}}, "budget.maxCostUsd is 0: it must be above 0"),
        ({"budget": {"maxMinutes": 241}}, "budget.maxMinutes is 241: it must be above 0 and at most 240"),
        ({"budget": {"maxminutes": 5}}, "budget.maxminutes is not a field (did you mean maxMinutes?)"),
        ({"budget": 50}, 'budget is 50: it must be an object with "maxInvocations", "maxCostUsd" and "maxMinutes"'),
        ({"confidence": 1}, "confidence is 1: it must lie between 0.5 and 0.999"),
        ({"tolerance": 0.6}, "tolerance is 0.6: it must lie between 0 and 0.5"),
        ({"coldStartShare": 1.1}, "coldStartShare is 1.1: it must lie between 0 and 1"),
        ({"monthlyInvocations": -1}, "monthlyInvocations is -1: it must be a number of at least 0"),
        ({"monthlyInvocations": 10**400}, "monthlyInvocations is 1000"),
        ({"parallelInvocation": 1}, "parallelInvocation is 1: it must be true or false"),
        ({"dryRun": "true"}, 'dryRun is "true": it must be true or false'),
        ({"sleepBetweenInvocationsMs": 60_001}, "sleepBetweenInvocationsMs is 60001: it must be a whole number"),
        (
            {"reservedConcurrency": 0},
            "reservedConcurrency is 0: it must be a whole number between 1 and 5, as no more of a clone are invoked at "
            "once",
        ),
        ({"reservedConcurrency": 6}, "reservedConcurrency is 6: it must be a whole number between 1 and 5"),
        ({"reservedConcurrency": 1.5}, "reservedConcurrency is 1.5: it must be a whole number between 1 and 5"),
        ({"snapStart": "yes"}, 'snapStart is "yes": it must be true or false'),
        ({"snapStart": 1}, "snapStart is 1: it must be true or false"),
        ({"reservedConcurrency": True}, "reservedConcurrency is true: it must be a whole number between 1 and 5"),
        ({"reservedConcurrency": "2"}, 'reservedConcurrency is the text "2", not a number'),
        ({"preProcessorARN": "f g"}, 'preProcessorARN "f g" holds white space'),
        ({"postProcessorARN": 5}, "postProcessorARN is 5: it must be a text"),
        ({"lambdaArn": "f"}, "lambdaArn is not a field (did you mean lambdaARN?)"),
        ({"functionName": "f"}, "functionName is not a field (did you mean lambdaARN?)"),
        ({"parallelInvocations": True}, "parallelInvocations is not a field (did you mean parallelInvocation?)"),
        ({"qqqq": 1}, "qqqq is not a field of a request"),
        ({"a\nb": 1}, "a\\nb is not a field of a request"),
    ],
)
def test_what_is_refused(fields: dict[str, Any], sentence: str) -> None:
    """One sentence for people, that names the field, what was given and what it must be."""
    (problem,) = problems_of({"lambdaARN": "f", **fields})
    assert sentence in problem
    assert problem.isprintable()


@pytest.mark.parametrize(
    ("arn", "sentence"),
    [
        (5, "lambdaARN is 5: it must be a text"),
        ("", "lambdaARN is empty"),
        ("arn:aws:lambda:eu-west-1:123456789012:layer:x:1", "is the ARN of a layer, not of a function"),
        (None, "lambdaARN is missing: name the function to tune"),
    ],
)
def test_functions_that_are_refused(arn: Any, sentence: str) -> None:
    """What is no function is said to be none."""
    (problem,) = problems_of({"lambdaARN": arn})
    assert sentence in problem


@pytest.mark.parametrize("raw", [None, [], "resize", 5, True])
def test_the_input_is_an_object(raw: Any) -> None:
    """Anything else is refused with an example of one."""
    (problem,) = problems_of(raw)
    assert "it must be a JSON object" in problem


def test_observed_is_for_the_embedded_aws_only() -> None:
    """On AWS it would be a guess among measurements."""
    observed = {"memoryMb": 512, "durationMs": 420}
    assert parse_request({"lambdaARN": "f", "observed": observed}, local=True).observed == ObservedDuration(512, 420.0)
    (problem,) = problems_of({"lambdaARN": "f", "observed": observed})
    assert problem.startswith("observed is only for runs on the embedded AWS")
    assert problems_of({"lambdaARN": "f", "observed": {"memoryMb": 64, "x": 1}}, local=True) == (
        "observed.memoryMb is 64: it must be a whole number of MB between 128 and 10,240",
        "observed.durationMs is missing: it must be above 0",
        "observed.x is not a field: there are memoryMb and durationMs",
    )
    assert problems_of({"lambdaARN": "f", "observed": 5}, local=True) == (
        'observed is 5: it must be an object with "memoryMb" and "durationMs"',
    )


def test_prices_of_another_region_are_for_the_embedded_aws_only() -> None:
    """In an account the function's Region counts; here one whose prices are known, else those that are get listed."""
    (problem,) = problems_of({"lambdaARN": "f", "pricesRegion": "eu-central-2"})
    assert problem.startswith("pricesRegion is only for runs on the embedded AWS")
    (problem,) = problems_of({"lambdaARN": "f", "pricesRegion": "eu-middle-1"}, local=True)
    assert problem.startswith('pricesRegion is "eu-middle-1": it must be a Region whose prices are known: af-south-1, ')


def test_cpu_time_is_for_the_embedded_aws_only() -> None:
    """Lambda does not tell it; to say that it is not wanted is no mistake anywhere."""
    assert parse_request({"lambdaARN": "f", "cpuTime": True}, local=True).cpu_time
    (problem,) = problems_of({"lambdaARN": "f", "cpuTime": True})
    assert problem.startswith("cpuTime is only for runs on the embedded AWS")
    assert not parse_request({"lambdaARN": "f", "cpuTime": False}).cpu_time
    for wrong in (1, "true", {}):
        (problem,) = problems_of({"lambdaARN": "f", "cpuTime": wrong}, local=True)
        assert problem.startswith("cpuTime is ")
        assert problem.endswith(": it must be true or false")


def test_all_problems_come_in_one_answer_in_the_order_of_the_fields() -> None:
    """And the message carries every one of them."""
    raw = {
        "dryRun": 1,
        "goal": {"percentile": 0, "limitMs": 0},
        "payload": [{"payload": 1, "weight": -1}],
        "memory": [1, 2],
        "unknown": True,
    }
    with pytest.raises(InvalidRequest) as caught:
        parse_request(raw)
    problems = caught.value.problems
    assert [re.split(r"[ .\[]", problem)[0] for problem in problems] == [
        "lambdaARN",
        "goal",
        "goal",
        "payload",
        "memory",
        "memory",
        "dryRun",
        "unknown",
    ]
    assert str(caught.value).startswith("The request has 8 problems: ")
    assert all(problem in str(caught.value) for problem in problems)
    assert "docs/request.md" in caught.value.hint


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["ALL", "f", "s3://b/k"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["percentile", "limitMs", "maxMinutes", "min", "payload", "weight", "memoryMb"])
            | st.text(max_size=3),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(st.sampled_from(REQUEST_FIELDS) | st.text(max_size=5), anything, max_size=6),
    st.booleans(),
)
def test_any_input_is_accepted_or_refused(raw: dict[str, Any], local: bool) -> None:
    """No other exception, and what is accepted can be stored."""
    try:
        request = parse_request(raw, local=local)
    except InvalidRequest as error:
        problems = error.problems
    else:
        problems = ("accepted",)
        assert from_json(TuningRequest, json.loads(json.dumps(to_json(request), allow_nan=False))) == request
    assert problems
    assert all(problem.isprintable() for problem in problems)
    assert len(set(problems)) == len(problems)


def test_the_examples_of_the_documentation_are_valid() -> None:
    """Every input that is shown can be used as it is; the refusal that is shown is the one that comes."""
    text = DOCS.read_text("utf-8")
    examples = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL)]
    assert len(examples) >= 4
    for example in examples[:-1]:
        parse_request(example, local="observed" in example)
    with pytest.raises(InvalidRequest) as caught:
        parse_request(examples[-1])
    assert str(caught.value) in text
