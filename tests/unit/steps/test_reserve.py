"""Concurrency that clones reserve for themselves, where the request asks for it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.steps.conftest import NOW, FakeRun
from tests.unit.steps.fakes import client_error
from tuner.core.errors import CloneFailed, CloneNotReady, PermissionDenied, Throttled
from tuner.core.run.plan import CLONE_PREFIX
from tuner.steps.create_clones import create_clones
from tuner.steps.recommend import recommend_for
from tuner.steps.report import report
from tuner.steps.restore import restore


def make_clones(run: FakeRun) -> int:
    """Make those of the first round."""
    return create_clones(run.artifacts, run.reader, run.clones, 1)


def test_every_copy_reserves_before_it_is_invoked(run: FakeRun) -> None:
    """The function itself keeps what it has, and the end of the run gives all of it back."""
    run.aws.functions["theirs"]["_reserved"] = 40
    run.plan(memory=[512, 1024, 2048], reservedConcurrency=2, coldStarts=1, budget={"maxInvocations": 20})
    run.search()
    copies = {name for name in run.aws.functions if name.startswith(CLONE_PREFIX)}
    assert len(copies) >= 3
    assert {run.aws.functions[name]["_reserved"] for name in copies} == {2}
    for name in copies:
        calls = [call for call, called in run.aws.calls if called == name]
        assert calls.index("create_function") < calls.index("put_function_concurrency") < calls.index("invoke")
    recommend_for(run.artifacts)
    restored = restore(run.artifacts, run.reader, run.clones, now=NOW.isoformat())
    report(run.artifacts, finished_at=NOW.isoformat())
    document = run.artifacts.read("report.json")
    assert restored.complete
    assert run.aws.functions.keys() == {"theirs"}
    assert run.aws.functions["theirs"]["_reserved"] == 40
    assert document["request"]["reservedConcurrency"] == 2
    assert any("5 clones reserves 2 of the account" in warning for warning in document["warnings"])


def test_without_the_request_nothing_is_reserved(run: FakeRun) -> None:
    """Clones share what all share."""
    run.plan()
    run.search()
    assert "put_function_concurrency" not in {call for call, _ in run.aws.calls}


def test_free_concurrency_that_may_not_be_read_is_warned_of(run: FakeRun) -> None:
    """The run goes on: AWS itself refuses what is too much."""

    def refuse(call: str, name: str) -> None:
        if call == "get_account_settings":
            raise client_error("AccessDeniedException", "no")

    run.aws.before = refuse
    record = run.plan(reservedConcurrency=1)
    assert any("how much is free could not be read" in warning for warning in record.warnings)


@pytest.mark.parametrize(
    ("code", "message", "expected", "sentence"),
    [
        (
            "InvalidParameterValueException",
            "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
            "below its minimum value of [100].",
            CloneFailed,
            "below its minimum value",
        ),
        ("TooManyRequestsException", "Rate exceeded", Throttled, "lambda:PutFunctionConcurrency"),
        ("ResourceConflictException", "an update is in progress", CloneNotReady, "No concurrency can be reserved"),
        ("ResourceNotFoundException", "Function not found", CloneNotReady, "No concurrency can be reserved"),
        ("AccessDeniedException", "no", PermissionDenied, "lambda:PutFunctionConcurrency"),
    ],
)
def test_a_refused_reserve_ends_or_waits(
    run: FakeRun, code: str, message: str, expected: type[Exception], sentence: str
) -> None:
    """A clone without its reserve is never invoked, and is removed with the others."""

    def refuse(call: str, name: str) -> None:
        if call == "put_function_concurrency":
            raise client_error(code, message)

    run.aws.before = refuse
    run.plan(reservedConcurrency=1)
    run.suggest()
    with pytest.raises(expected, match=sentence):
        make_clones(run)
    run.aws.before = lambda call, name: None
    restore(run.artifacts, run.reader, run.clones, now=NOW.isoformat())
    assert run.aws.functions.keys() == {"theirs"}


def test_a_copy_that_was_left_without_its_reserve_gets_it(run: FakeRun) -> None:
    """A step that ended between the two calls is repeated, and finds the clone without it."""

    def end(call: str, name: str) -> None:
        if call == "put_function_concurrency":
            raise KeyboardInterrupt

    run.aws.before = end
    run.plan(reservedConcurrency=1)
    run.suggest()
    with pytest.raises(KeyboardInterrupt):
        make_clones(run)
    run.aws.before = lambda call, name: None
    assert make_clones(run) == 1
    (copy,) = run.aws.functions.keys() - {"theirs"}
    assert run.aws.functions[copy]["_reserved"] == 1


def test_a_copy_reserves_when_it_is_active(run: FakeRun) -> None:
    """One that is still being made is asked for again."""
    run.plan(reservedConcurrency=1)
    run.suggest()
    create = run.aws.create_function

    def create_slowly(**arguments: Any) -> dict[str, Any]:
        answer = create(**arguments)
        answer["State"] = "Pending"
        return answer

    run.aws.create_function = create_slowly  # type: ignore[method-assign]
    with pytest.raises(CloneNotReady):
        make_clones(run)
    (copy,) = run.aws.functions.keys() - {"theirs"}
    assert "_reserved" not in run.aws.functions[copy]
    run.aws.functions[copy]["State"] = "Active"
    assert make_clones(run) == 1
    assert run.aws.functions[copy]["_reserved"] == 1


def test_only_copies_can_be_given_a_reserve(run: FakeRun) -> None:
    """Whatever name comes in, the function under test is not touched."""
    with pytest.raises(ValueError, match="theirs"):
        run.clones.reserve("theirs", 1)
