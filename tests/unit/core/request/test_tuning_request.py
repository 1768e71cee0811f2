"""The validated request as it travels between steps."""

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuner.core.codec import from_json, to_json
from tuner.core.model import LatencyGoal, TuningBudget
from tuner.core.request.parsing import parse_request
from tuner.core.request.payloads import MAX_PAYLOAD_BYTES, MAX_PAYLOAD_DEPTH, check_payloads
from tuner.core.request.tuning_request import (
    MemoryRange,
    ObservedDuration,
    TuningRequest,
    WeightedPayload,
    is_weighted_mix,
)

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
requests = st.builds(
    TuningRequest,
    lambda_arn=st.just("resize:live"),
    goal=st.none() | st.builds(LatencyGoal, st.floats(50, 99.9), st.floats(1, 1e5)),
    payloads=st.lists(st.builds(WeightedPayload, json_values, st.floats(0.1, 10)), min_size=1, max_size=3).map(tuple),
    memory=st.builds(MemoryRange, st.integers(128, 512), st.integers(512, 10_240), st.integers(1, 512))
    | st.lists(st.integers(128, 10_240), min_size=1, unique=True).map(lambda sizes: tuple(sorted(sizes))),
    architectures=st.sampled_from([None, ("arm64",), ("x86_64", "arm64")]),
    budget=st.builds(TuningBudget, st.integers(2, 10_000), st.floats(0.01, 100), st.floats(0.1, 240)),
    confidence=st.floats(0.5, 0.999),
    tolerance=st.floats(0, 0.5),
    cold_start_share=st.none() | st.floats(0, 1),
    monthly_invocations=st.none() | st.floats(0, 1e12),
    parallel_invocation=st.booleans(),
    sleep_between_invocations_ms=st.integers(0, 60_000),
    reserved_concurrency=st.none() | st.integers(1, 5),
    snap_start=st.booleans(),
    dry_run=st.booleans(),
    observed=st.none() | st.builds(ObservedDuration, st.integers(128, 10_240), st.floats(0.1, 1e6)),
    cpu_time=st.booleans(),
)


@settings(max_examples=40, deadline=None)
@given(requests)
def test_json_and_back(request: TuningRequest) -> None:
    """What is written is read back as it was, through real JSON."""
    assert from_json(TuningRequest, json.loads(json.dumps(to_json(request), allow_nan=False))) == request


@settings(max_examples=40, deadline=None)
@given(requests)
def test_the_shown_input_means_the_same(request: TuningRequest) -> None:
    """A request, written as an input and read again, is the same request."""
    assert parse_request(json.loads(json.dumps(request.to_input(with_payload=True))), local=True) == request


def test_the_shown_input_leaves_payloads_out() -> None:
    """They may hold what must not be shown."""
    secret = TuningRequest("resize", payloads=(WeightedPayload({"token": "s3cr3t"}),))
    assert "s3cr3t" not in json.dumps(secret.to_input())
    assert secret.to_input(with_payload=True)["payload"] == {"token": "s3cr3t"}
    stored = TuningRequest("resize", payloads=(), payload_s3="s3://bucket/some/key.json")
    assert stored.to_input()["payloadS3"] == "s3://bucket/some/key.json"
    assert stored.payload_s3_location == ("bucket", "some/key.json")
    assert secret.payload_s3_location is None


def test_a_weighted_mix_has_exactly_payload_and_weight() -> None:
    """Anything else is an event of its own, whatever its fields are called."""
    assert is_weighted_mix([{"payload": 1, "weight": 2}])
    for event in ({"payload": 1, "weight": 2}, [{"payload": 1}], [{"payload": 1, "weight": 2, "x": 3}], [1], "text"):
        assert not is_weighted_mix(event)
        assert check_payloads(event) == ((WeightedPayload(event, 1.0),), [])
    assert check_payloads([{"payload": None, "weight": 3}, {"payload": [], "weight": 0.5}]) == (
        (WeightedPayload(None, 3.0), WeightedPayload([], 0.5)),
        [],
    )


def test_bad_mixes_list_every_problem() -> None:
    """Weights must be positive numbers."""
    bad = [{"payload": 1, "weight": weight} for weight in (0, -1, True, "1", None, math.nan, math.inf, 10**400)]
    payloads, problems = check_payloads(bad, field="the object")
    assert (payloads, len(problems)) == ((), len(bad))
    assert problems[0].startswith("the object[0].weight is 0: it must be a number above 0")
    payloads, problems = check_payloads([])
    assert (payloads, len(problems)) == ((), 1)
    assert "empty list" in problems[0]


@pytest.mark.parametrize(
    "payload", [math.nan, {"a": [math.inf]}, {1, 2}, "\ud800", [{"payload": math.nan, "weight": 1}]]
)
def test_what_is_not_json_is_refused(payload) -> None:
    """NaN, infinity, lone surrogates: Lambda would not take them."""
    payloads, problems = check_payloads(payload)
    assert (payloads, len(problems)) == ((), 1)
    assert "is not JSON" in problems[0]


def test_a_payload_has_a_limit() -> None:
    """Lambda takes 6 MB in one invocation."""
    assert check_payloads("x" * (MAX_PAYLOAD_BYTES - 2))[1] == []
    (problem,) = check_payloads("x" * (MAX_PAYLOAD_BYTES - 1))[1]
    assert "6,291,457 bytes" in problem


def test_payloads_nested_too_deep_are_refused_however_deep() -> None:
    """The limit itself passes; one level more, and many thousands, are a problem in a sentence."""

    def nested(depth: int) -> Any:
        value: Any = 1
        for level in range(depth):
            value = {"a": value} if level % 2 else [value, 0]
        return value

    assert check_payloads(nested(MAX_PAYLOAD_DEPTH))[1] == []
    for depth in (MAX_PAYLOAD_DEPTH + 1, 50_000):
        payloads, problems = check_payloads(nested(depth), field="payload")
        assert payloads == ()
        assert problems == [
            f"payload is nested deeper than {MAX_PAYLOAD_DEPTH} levels, the limit of what a run can carry"
        ]
