"""A run's id is a part of keys, paths, names and tags, and stays one."""

from __future__ import annotations

import posixpath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.steps.fakes import FakeS3
from tuner.aws.artifacts import Artifacts, RunArtifacts
from tuner.core.aws_limits import TAG_VALUE
from tuner.core.errors import InvalidRequest, RunNotFound
from tuner.core.run.run_id import check_run_id, is_run_id, run_of_tag, run_tag


@pytest.mark.parametrize(
    "value",
    [
        "",
        ".",
        "..",
        "a/b",
        "../../index/x",
        "/",
        "a\n",
        "a\x00",
        "\x1b[31m",
        "\x9b31m",
        "a" * 81,
        5,
        None,
        ["x"],
        {"a": 1},
    ],
)
def test_what_can_be_no_run_makes_no_key(value: Any) -> None:
    """Whoever names it, and wherever: the objects of a run are reached through its id alone."""
    assert not is_run_id(value)
    with pytest.raises(RunNotFound, match="is not the id of a run"):
        RunArtifacts(Artifacts(FakeS3(), "bucket"), value)


@pytest.mark.parametrize("name", ["20260101-100000-a-1f3e", "it's(me)!", "...", "a..b", "a" * 80, "日本", "a=b@c+d"])
def test_every_name_of_an_execution_is_a_run(name: str) -> None:
    """Step Functions takes more than letters and digits."""
    assert check_run_id(name) == name


@given(st.text())
def test_a_run_stays_in_its_folder(text: str) -> None:
    """Whatever passes leads to one folder below runs/."""
    if is_run_id(text):
        assert posixpath.normpath(f"runs/{text}/report.html") == f"runs/{text}/report.html"


@given(st.text(min_size=1, max_size=80))
def test_a_tag_gives_the_run_back(text: str) -> None:
    """It has no character that AWS refuses in tags, and two runs never share one."""
    try:
        tag = run_tag(text)
    except InvalidRequest:
        assert len(text) > 25
        return
    assert TAG_VALUE.fullmatch(tag)
    assert run_of_tag(tag) == text


def test_a_name_that_looks_escaped_stays_itself() -> None:
    """Another run's name must not come out: the sweeper would restore that one."""
    assert run_of_tag(run_tag("a=41=b")) == "a=41=b"


def test_plain_names_are_tags_as_they_are() -> None:
    """So that a person finds the run by the tag."""
    assert run_tag("20260101-100000-a_b-1f3e") == "20260101-100000-a_b-1f3e"
