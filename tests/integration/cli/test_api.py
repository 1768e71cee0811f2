"""The Python API, as its page shows it."""

from __future__ import annotations

import doctest
from pathlib import Path
from typing import Any

import pytest

import tuner
from tuner.embedded.account import EmbeddedAws

ROOT = Path(__file__).parents[3]


def test_the_page_does_what_it_shows(running_aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each example of docs/api.md runs, from the top of the repository, and prints what stands under it."""
    monkeypatch.setenv("LAMBDA_TUNER_HOME", str(running_aws.home))
    monkeypatch.chdir(ROOT)
    result = doctest.testfile(str(ROOT / "docs" / "api.md"), module_relative=False)
    assert result.attempted >= 6
    assert result.failed == 0


def test_a_deployed_function_is_tuned(running_aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its name; a dry run is another type than an answer, and a run that fails says why."""
    monkeypatch.setenv("LAMBDA_TUNER_HOME", str(running_aws.home))
    dry = tuner.tune("example-io-wait", local=True, dryRun=True)
    assert isinstance(dry, tuner.DryRun)
    assert dry.estimate.invocations > 0
    with pytest.raises(tuner.TunerError, match=r"The embedded AWS has no function nope\."):
        tuner.tune("nope", local=True)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"environment": {"A=B": "c"}}, "environment must map names"),
        ({"environment": {"A": 3}}, "environment must map names"),
        ({"template": "none.yaml"}, "--template none.yaml cannot be read"),
        ({"dry_run": True}, r"dry_run is not a field \(did you mean dryRun\?\)"),
        ({"budget": {1: 2}}, "budget.1 is not a field"),
    ],
    ids=str,
)
def test_what_a_handler_cannot_be_given_is_an_error_of_ours(given: dict[str, Any], sentence: str) -> None:
    """Paths may be texts; a name is refused as it was given."""
    with pytest.raises(tuner.TunerError, match=sentence):
        tuner.try_handler(str(ROOT / "examples/io-wait/app.py") + ":handler", **given)


def test_a_function_is_in_one_place_and_named_once() -> None:
    """Neither a second place nor a second name is passed over in silence."""
    with pytest.raises(tuner.TunerError, match="exclude each other"):
        tuner.tune("example-io-wait", local=True, region="eu-west-1")
    with pytest.raises(TypeError, match="multiple values"):
        tuner.tune("example-io-wait", local=True, lambdaARN="another")


def test_nothing_else_is_promised() -> None:
    """A name that is not supported is no attribute, and the names that are can be listed."""
    assert {name for name in tuner.__all__ if getattr(tuner, name, None) is None} == set()
    with pytest.raises(AttributeError, match="has no attribute 'tuned'"):
        tuner.tuned  # noqa: B018 - the access is the point
