"""The flags of the command turned into an execution's input."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.cli.failures import UsageProblem
from tuner.cli.options import FLAGS, build_request, parse_environment, parse_observed, parse_sizes
from tuner.core.errors import InvalidRequest
from tuner.core.request.goal import parse_goal
from tuner.core.request.parsing import parse_request


@pytest.mark.parametrize(
    ("text", "percentile", "limit_ms"),
    [("p95=300ms", 95, 300), ("p99.9=1.5s", 99.9, 1500), ("P50 <= 20 ms", 50, 20), (" p90≤2s ", 90, 2000)],
)
def test_a_goal_is_read_with_its_unit(text: str, percentile: float, limit_ms: float) -> None:
    """A goal is read in milliseconds and in seconds."""
    assert parse_goal(text, field="--goal") == {"percentile": percentile, "limitMs": limit_ms}


@pytest.mark.parametrize("text", ["", "300", "p95", "p95=", "p95=-3ms", "p95=300min", "95=300ms"])
def test_what_is_no_goal_is_refused_with_the_form_of_one(text: str) -> None:
    """A text that is no goal is refused and the message shows one."""
    with pytest.raises(InvalidRequest, match="p95=300ms"):
        parse_goal(text, field="--goal")


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("128-3008:64", {"min": 128, "max": 3008, "step": 64}),
        ("128-3008", {"min": 128, "max": 3008}),
        ("128,512, 1024", [128, 512, 1024]),
        ("512", [512]),
        ("all", "ALL"),
    ],
)
def test_memory_sizes_are_read_as_range_list_or_all(text: str, sizes: object) -> None:
    """Memory sizes may be a range, a list or ALL."""
    assert parse_sizes(text) == sizes


@pytest.mark.parametrize("text", ["", "big", "128-", "128:64", "128,,256", "1 024"])
def test_what_names_no_memory_sizes_is_refused(text: str) -> None:
    """A text that names no memory sizes is refused with the three forms."""
    with pytest.raises(ValueError, match="128-3008:64"):
        parse_sizes(text)


@given(st.text(max_size=20))
def test_any_text_is_either_memory_sizes_or_refused(text: str) -> None:
    """No text makes the parser fail in another way than its own."""
    try:
        parse_sizes(text)
    except ValueError as error:
        assert "--sizes" in str(error)  # noqa: PT017 - both outcomes are right


def test_an_observed_duration_is_read() -> None:
    """A duration known from AWS is read in milliseconds and in seconds."""
    assert parse_observed("512=420ms") == {"memoryMb": 512, "durationMs": 420}
    assert parse_observed("1024 = 1.5s") == {"memoryMb": 1024, "durationMs": 1500}


@pytest.mark.parametrize("text", ["512", "512=", "=420ms", "512=0ms", "512=-1ms"])
def test_what_is_no_observed_duration_is_refused(text: str) -> None:
    """A text that is no duration at a memory size is refused with the form of one."""
    with pytest.raises(ValueError, match="512=420ms"):
        parse_observed(text)


def test_environment_flags_win_over_the_file(tmp_path: Path) -> None:
    """Variables come from the file and from flags; comments, quotes and export are understood."""
    file = tmp_path / ".env"
    file.write_text("# comment\n\nexport A=1\nB = 'two words'\nC=x=y\n", encoding="utf-8")
    assert parse_environment(["A=9", "D="], file) == {"A": "9", "B": "two words", "C": "x=y", "D": ""}


@pytest.mark.parametrize("pair", ["novalue", "=x", "1A=x", "A B=x"])
def test_an_environment_flag_needs_name_and_value(pair: str) -> None:
    """A flag that is not NAME=value is refused."""
    with pytest.raises(UsageProblem, match="NAME=value"):
        parse_environment([pair], None)


def test_a_broken_line_of_the_environment_file_is_named(tmp_path: Path) -> None:
    """The message names the file and the line."""
    file = tmp_path / "broken.env"
    file.write_text("A=1\nnonsense\n", encoding="utf-8")
    with pytest.raises(UsageProblem, match="line 2"):
        parse_environment([], file)


def test_only_what_was_asked_for_is_in_the_input() -> None:
    """Without flags the input holds the function alone: defaults are the product's, in one place."""
    assert build_request("thumbnails", {}, local=False) == {"lambdaARN": "thumbnails"}


def test_a_function_that_cannot_be_is_named_as_one() -> None:
    """Nobody typed ``lambdaARN``: on the command line it is the function."""
    with pytest.raises(InvalidRequest, match="problem: the function is empty: "):
        build_request("", {}, local=False)


def test_every_flag_becomes_its_field(tmp_path: Path) -> None:
    """Each flag lands in its field, and the product accepts the whole."""
    event = tmp_path / "event.json"
    event.write_text('{"a": 1}', encoding="utf-8")
    as_typed = {
        "confidence": 0.8,
        "tolerance": 0.1,
        "coldStartShare": 0.02,
        "monthlyInvocations": 1e6,
        "savingsPlanDiscount": 0.12,
        "accountGbSecondsPerMonth": 1e9,
        "parallelInvocation": True,
        "sleepBetweenInvocationsMs": 5,
        "reservedConcurrency": 2,
        "preProcessorARN": "tables",
        "postProcessorARN": "tables:live",
        "coldStarts": 3,
        "snapStart": True,
        "warmStart": False,
        "dryRun": True,
        "includeLogTail": True,
        "cpuTime": True,
        "pricesRegion": "eu-central-2",
    }
    read = {
        "goal": "p95=300ms",
        "payload": event,
        "memory": "128-1024:128",
        "architectures": "x86_64, arm64",
        "budget.maxInvocations": 30,
        "budget.maxCostUsd": 0.5,
        "budget.maxMinutes": 10,
        "observed": "512=420ms",
    }
    assert FLAGS.keys() - as_typed.keys() - read.keys() == {"payloadS3"}
    request = build_request("thumbnails", as_typed | read, local=True)
    assert request == as_typed | {
        "lambdaARN": "thumbnails",
        "goal": {"percentile": 95, "limitMs": 300},
        "payload": {"a": 1},
        "memory": {"min": 128, "max": 1024, "step": 128},
        "architectures": ["x86_64", "arm64"],
        "budget": {"maxInvocations": 30, "maxCostUsd": 0.5, "maxMinutes": 10},
        "observed": {"memoryMb": 512, "durationMs": 420},
    }
    assert parse_request(request, local=True).dry_run


def test_null_is_a_payload_too(tmp_path: Path) -> None:
    """A file that holds null gives a payload of null, not none at all."""
    event = tmp_path / "event.json"
    event.write_text("null", encoding="utf-8")
    assert build_request("f", {"payload": event}, local=False) == {"lambdaARN": "f", "payload": None}


def test_all_problems_come_in_one_answer(tmp_path: Path) -> None:
    """Every flag that cannot be read is listed at once."""
    broken = tmp_path / "event.json"
    broken.write_text("{nope", encoding="utf-8")
    flags = {
        "goal": "fast",
        "payload": broken,
        "payloadS3": "s3://b/k",
        "memory": "big",
        "observed": "512",
        "confidence": 9.0,
    }
    with pytest.raises(InvalidRequest) as caught:
        build_request("f", flags, local=True)
    text = str(caught.value)
    assert len(caught.value.problems) == 6
    for part in ("confidence is 9.0", "both given", "not JSON", "line 1", "--goal", "--sizes", "--observed"):
        assert part in text


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"memory": "100-256"}, "the smallest of --sizes is 100: "),
        ({"memory": "64,512"}, "--sizes is 64: "),
        ({"goal": "p95=0ms"}, "the limit of --goal in ms is 0"),
        ({"budget.maxCostUsd": 0, "coldStartShare": 2}, "--max-cost is 0: "),
        ({"coldStartShare": 2}, "--cold-start-share is 2: "),
        ({"confidence": 2}, "--confidence is 2: "),
    ],
)
def test_a_refusal_names_the_flag_that_was_typed(flags: dict[str, Any], words: str) -> None:
    """Who types flags need not know the fields of an execution's input."""
    with pytest.raises(InvalidRequest) as refused:
        build_request("f", flags, local=False)
    assert any(problem.startswith(words) for problem in refused.value.problems)
