"""The sweeper leaves what is in use alone, removes what is not, and names what it could not."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from tests.unit.steps.conftest import NOW, FakeRun
from tests.unit.steps.fakes import client_error
from tuner.aws.artifacts import RunArtifacts
from tuner.core.aws_limits import TAG_VALUE
from tuner.core.errors import Throttled
from tuner.core.run.plan import CLONE_PREFIX
from tuner.steps.sweep import sweep

ORPHAN, OTHER, BUSY = (f"{CLONE_PREFIX}{number}-128-arm" for number in (1, 2, 3))


@pytest.fixture
def left_behind(run: FakeRun) -> FakeRun:
    """Two functions of no run, and one of a run that is within its time."""
    for name in (ORPHAN, OTHER, BUSY):
        run.aws.add(name, LoggingConfig={"LogGroup": "/lambda-tuner/clones"})
    run.aws.tags[BUSY] = {"lambda-tuner:run": "busy", "lambda-tuner:expires": "2027-01-01T00:00:00+00:00"}
    return run


def test_refused_deletion_is_named_and_the_rest_is_swept(left_behind: FakeRun) -> None:
    """One function that cannot be removed does not keep the others."""

    def deny(call: str, name: str) -> None:
        if (call, name) == ("delete_function", ORPHAN):
            raise client_error("AccessDeniedException", "explicit deny")

    left_behind.aws.before = deny
    swept = sweep(left_behind.clones, left_behind.artifacts.bucket, left_behind.restarted.append, now=NOW.isoformat())
    assert (swept.removed, swept.kept) == ((OTHER,), 1)
    assert list(swept.failed) == [ORPHAN]
    assert "lambda:DeleteFunction" in swept.failed[ORPHAN]


def test_clone_whose_tags_cannot_be_read_is_not_taken_for_an_orphan(left_behind: FakeRun) -> None:
    """A refusal is not the absence of tags: a clone in use would be deleted under its run."""
    list_tags = left_behind.aws.list_tags

    def deny(*, Resource: str) -> dict[str, object]:  # noqa: N803
        if Resource.endswith(BUSY):
            raise client_error("AccessDeniedException", "no")
        return list_tags(Resource=Resource)

    left_behind.aws.list_tags = deny  # type: ignore[method-assign]
    swept = sweep(left_behind.clones, left_behind.artifacts.bucket, left_behind.restarted.append, now=NOW.isoformat())
    assert swept.removed == (ORPHAN, OTHER)
    assert list(swept.failed) == [BUSY]
    assert BUSY in left_behind.aws.functions


def test_another_stacks_functions_are_left_to_that_stack(left_behind: FakeRun) -> None:
    """Two stacks share the beginning of their clones' names; where they log tells whose they are."""
    theirs = f"{CLONE_PREFIX}9-128-arm"
    left_behind.aws.add(theirs, LoggingConfig={"LogGroup": "/other/clones"})
    left_behind.aws.tags[theirs] = {"lambda-tuner:run": "lost", "lambda-tuner:expires": "2026-11-01T00:00:00+00:00"}
    swept = sweep(left_behind.clones, left_behind.artifacts.bucket, left_behind.restarted.append, now=NOW.isoformat())
    assert theirs in left_behind.aws.functions
    assert "lost" not in swept.restarted


def test_a_run_is_found_by_the_tag_whatever_its_name(run: FakeRun) -> None:
    """Step Functions takes characters in names that tags do not."""
    run.artifacts = RunArtifacts(run.artifacts.bucket, "it's(me)!")
    run.plan()
    run.round()
    (tags,) = run.aws.tags.values()
    assert TAG_VALUE.fullmatch(tags["lambda-tuner:run"])
    sweep(run.clones, run.artifacts.bucket, run.restarted.append, now="2026-11-25T12:00:00+00:00")
    assert run.restarted == ["it's(me)!"]


def test_clone_that_goes_meanwhile_is_nobodys_problem(left_behind: FakeRun) -> None:
    """Its own run may remove a function between the listing and the question."""

    def gone(*, Resource: str) -> dict[str, object]:  # noqa: N803
        raise client_error("ResourceNotFoundException", "Function not found")

    left_behind.aws.list_tags = gone  # type: ignore[method-assign]
    swept = sweep(left_behind.clones, left_behind.artifacts.bucket, left_behind.restarted.append, now=NOW.isoformat())
    assert (swept.removed, swept.kept, swept.failed) == ((), 0, {})


def test_run_whose_restore_cannot_be_started_is_named(left_behind: FakeRun) -> None:
    """The next run is restored all the same."""
    for name, run_id in ((ORPHAN, "first"), (OTHER, "second")):
        left_behind.aws.tags[name] = {"lambda-tuner:run": run_id, "lambda-tuner:expires": "2026-11-24T02:00:00+00:00"}

    def start(run_id: str) -> None:
        if run_id == "first":
            raise Throttled("AWS throttled states:StartExecution")
        left_behind.restarted.append(run_id)

    swept = sweep(left_behind.clones, left_behind.artifacts.bucket, start, now=NOW.isoformat())
    assert swept.restarted == ("second",)
    assert left_behind.restarted == ["second"]
    assert "throttled" in swept.failed["first"]


def test_overdue_run_that_left_no_function_is_restored_too(left_behind: FakeRun) -> None:
    """A run whose end nobody told leaves at least its mark; one within its time is left alone."""
    for run_id, expires_at in (("lost", "2026-11-01"), ("going-on", "2027-01-01")):
        mark = {"function_name": None, "expires_at": f"{expires_at}T00:00:00+00:00"}
        left_behind.artifacts.bucket.write_json(f"open/{run_id}.json", mark)
    swept = sweep(left_behind.clones, left_behind.artifacts.bucket, left_behind.restarted.append, now=NOW.isoformat())
    assert swept.restarted == ("lost",)


def test_marks_that_cannot_be_read_do_not_keep_functions(left_behind: FakeRun) -> None:
    """The bucket's refusal is named, and temporary functions are swept all the same."""

    def deny(**_: object) -> None:
        raise client_error("AccessDenied", "no")

    left_behind.artifacts.bucket.write_json("open/lost.json", {"function_name": None, "expires_at": "2026-11-01"})
    left_behind.s3.get_object = deny  # type: ignore[method-assign,assignment]
    swept = sweep(left_behind.clones, left_behind.artifacts.bucket, left_behind.restarted.append, now=NOW.isoformat())
    assert swept.removed == (ORPHAN, OTHER)
    assert "s3:GetObject" in swept.failed["open runs"]


def test_function_that_outlived_its_run_by_a_day_is_removed_here(left_behind: FakeRun) -> None:
    """The run's plan may be gone, and restore then knows of nothing to remove."""
    left_behind.aws.tags[ORPHAN] = {"lambda-tuner:run": "lost", "lambda-tuner:expires": "2026-11-22T00:00:00+00:00"}
    swept = sweep(left_behind.clones, left_behind.artifacts.bucket, left_behind.restarted.append, now=NOW.isoformat())
    assert (swept.restarted, ORPHAN in swept.removed) == (("lost",), True)


def test_function_that_outlived_its_run_by_an_hour_is_left_to_restore(left_behind: FakeRun) -> None:
    """Only ``restore`` writes the proof of what it removed: the sweeper takes nothing away from under it."""
    left_behind.aws.tags[ORPHAN] = {"lambda-tuner:run": "lost", "lambda-tuner:expires": "2026-11-24T02:00:00+00:00"}
    swept = sweep(left_behind.clones, left_behind.artifacts.bucket, left_behind.restarted.append, now=NOW.isoformat())
    assert (swept.restarted, swept.removed) == (("lost",), (OTHER,))


@pytest.mark.parametrize("name", ["..", "a/b", "\x1b[31m"])
def test_mark_that_can_be_no_runs_starts_nothing(left_behind: FakeRun, name: str) -> None:
    """Whoever may write to the bucket may write marks; what can be no run is not handed on."""
    mark = {"function_name": "theirs", "expires_at": "2026-11-01T00:00:00+00:00"}
    left_behind.artifacts.bucket.write_json(f"open/{name}.json", mark)
    swept = sweep(left_behind.clones, left_behind.artifacts.bucket, left_behind.restarted.append, now=NOW.isoformat())
    assert (swept.restarted, swept.failed) == ((), {})


def test_runs_that_are_restored_in_the_same_second_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Step Functions takes a name once: two runs have two, the same run asked for twice has one."""
    monkeypatch.setenv("POWERTOOLS_TRACE_DISABLED", "1")
    monkeypatch.setenv("TUNER_RESTORE_ARN", "arn:aws:states:eu-west-1:123456789012:stateMachine:lambda-tuner-restore")
    from tuner.handlers import _entry

    started: list[dict[str, str]] = []
    machine = SimpleNamespace(start_execution=lambda **request: started.append(request))
    monkeypatch.setattr(_entry, "client", lambda service: machine)
    monkeypatch.setattr(_entry, "now", lambda: NOW)
    for run_id in ("night-" + 80 * "a", "night-" + 80 * "b", "night-" + 80 * "a"):
        _entry.restorer()(run_id)
    first, second, again = (request["name"] for request in started)
    assert first == again != second
    assert max(len(first), len(second)) <= 80
    assert [json.loads(request["input"])["runId"][-1] for request in started] == ["a", "b", "a"]
