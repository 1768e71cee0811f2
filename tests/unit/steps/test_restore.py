"""A run is undone whatever became of the function, and what could not be done or compared is named."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit.steps.conftest import NOW, FakeRun
from tests.unit.steps.fakes import client_error
from tuner.aws.clients import CALL_WORST_S
from tuner.core.errors import (
    CloneFailed,
    CloneNotReady,
    FunctionNotTunable,
    PermissionDenied,
    RestoreIncomplete,
    Throttled,
    TunerError,
)
from tuner.core.run.plan import CLONE_PREFIX
from tuner.core.run.restored import Restored
from tuner.steps.report import report
from tuner.steps.restore import restore

LATER = "2026-11-24T03:20:00+00:00"


@pytest.fixture
def started(run: FakeRun) -> FakeRun:
    """A run that has made its first temporary function."""
    run.plan()
    run.round()
    assert len(run.aws.functions) == 2
    return run


def undo(run: FakeRun) -> Restored:
    """Restore the run."""
    return restore(run.artifacts, run.reader, run.clones, now=LATER)


def shown(run: FakeRun) -> dict[str, Any]:
    """Give what the report says of the restoring."""
    report(run.artifacts, finished_at=LATER, status="ABORTED")
    document: dict[str, Any] = json.loads(run.s3.objects["runs/run-1/report.json"])["restored"]
    return document


def refuse(run: FakeRun, wanted: str, code: str, *, only: str = "") -> None:
    """Let one kind of call be refused, everywhere or on one function."""

    def before(call: str, name: str) -> None:
        if call == wanted and only in ("", name):
            raise client_error(code, "refused")

    run.aws.before = before


def test_everything_that_is_read_is_compared(started: FakeRun) -> None:
    """Sixteen properties and sections, all the same, none left out."""
    restored = undo(started)
    assert {check.what for check in restored.checks} >= {
        "configuration",
        "versions",
        "aliases",
        "tags",
        "reserved concurrency",
        "provisioned concurrency",
        "asynchronous invocation",
        "function URLs",
        "event source mappings",
        "code signing",
        "recursion",
        "runtime management",
        "log group",
        "policy",
    }
    assert restored.complete
    document = shown(started)
    assert (document["notCompared"], document["changes"]) == ([], [])
    assert {row["same"] for row in document["checks"]} == {True}


@pytest.mark.parametrize("code", ["AccessDeniedException", "InternalFailure"])
def test_what_cannot_be_read_is_named_and_ends_nothing(run: FakeRun, code: str) -> None:
    """A missing permission or a failing section costs the comparison of that section."""
    refuse(run, "list_aliases", code)
    record = run.plan()
    assert "Could not be read, and so cannot be compared after the run: aliases." in record.warnings
    assert undo(run).complete
    document = shown(run)
    assert document["notCompared"] == ["aliases"]
    assert "aliases" not in {row["what"] for row in document["checks"]}


@pytest.mark.parametrize("code", ["AccessDeniedException", "InternalFailure"])
def test_function_that_cannot_be_read_any_more_does_not_keep_its_copies(started: FakeRun, code: str) -> None:
    """The clones go, and nothing is called the same."""
    refuse(started, "get_function_configuration", code, only="theirs")
    assert undo(started).removed
    started.aws.before = lambda call, name: None
    assert list(started.aws.functions) == ["theirs"]
    assert "configuration" in shown(started)["notCompared"]


def test_deleted_function_is_somebody_elses_change(started: FakeRun) -> None:
    """The clones go all the same, and the report says what became of the function."""
    del started.aws.functions["theirs"]
    assert undo(started).removed
    assert started.aws.functions == {}
    document = shown(started)
    assert [change["sentence"] for change in document["changes"]] == [
        f"Somebody else deleted the function, between {NOW.isoformat()} and {LATER}."
    ]
    assert not document["complete"]


def test_foreign_deployment_is_named_with_its_revisions(started: FakeRun) -> None:
    """By the function's own time of change, and it does not keep the run open."""
    started.aws.functions["theirs"] |= {"MemorySize": 2048, "LastModified": LATER, "RevisionId": "second"}
    undo(started)
    (change,) = shown(started)["changes"]
    assert change["sentence"].endswith(f"(LastModified, MemorySize); it was last modified at {LATER}.")
    assert (change["modifiedAt"], change["revisionAfter"]) == (LATER, "second")
    assert not [key for key in started.s3.objects if key.startswith("open/")]


def test_copies_that_one_call_has_no_time_for_are_removed_by_the_next(started: FakeRun) -> None:
    """A call that is killed writes no proof of what it removed: it stops in time, and is called again."""
    started.round()
    copies = {step["name"] for step in started.artifacts.read("plan.json")["steps"]}
    assert len(copies) > 2
    times_s = iter([CALL_WORST_S])

    def remaining_s() -> float:
        return next(times_s, CALL_WORST_S - 1)

    with pytest.raises(CloneNotReady, match="no time"):
        restore(started.artifacts, started.reader, started.clones, now=LATER, remaining_s=remaining_s)
    assert len(shown(started)["removed"]) == 2
    assert len(shown(started)["remaining"]) == len(copies) - 2
    restored = undo(started)
    assert (set(restored.removed), restored.complete) == (copies, True)


def test_throttled_deletion_is_tried_again(started: FakeRun) -> None:
    """The state machine repeats it by its name; the second time ends it."""
    refuse(started, "delete_function", "TooManyRequestsException")
    with pytest.raises(Throttled, match=CLONE_PREFIX):
        undo(started)
    started.aws.before = lambda call, name: None
    assert undo(started).complete


def test_throttled_comparison_is_tried_again(started: FakeRun) -> None:
    """A throttle is no missing permission: the section is compared the next time."""
    refuse(started, "list_aliases", "TooManyRequestsException")
    with pytest.raises(Throttled):
        undo(started)
    started.aws.before = lambda call, name: None
    assert undo(started).complete
    assert shown(started)["notCompared"] == []


def test_copy_that_is_just_being_made_is_waited_for(started: FakeRun) -> None:
    """Lambda does not delete what is pending."""
    refuse(started, "delete_function", "ResourceConflictException")
    with pytest.raises(CloneNotReady, match="can be removed yet"):
        undo(started)


def test_copy_that_outlives_its_deletion_is_not_called_removed(started: FakeRun) -> None:
    """AWS accepted the deletion, and the function is still there: it remains until a look finds it gone."""
    delete = started.aws.delete_function
    started.aws.delete_function = lambda *, FunctionName: None  # type: ignore[method-assign] # noqa: N803
    with pytest.raises(CloneNotReady, match="still there"):
        undo(started)
    (clone,) = shown(started)["remaining"]
    assert (shown(started)["removed"], shown(started)["complete"]) == ([], False)
    assert [key for key in started.s3.objects if key.startswith("open/")], "the sweeper must find the run"
    delete(FunctionName=clone)
    assert undo(started).removed == (clone,)


@pytest.mark.parametrize("code", ["AccessDeniedException", "TooManyRequestsException"])
def test_copy_that_cannot_be_looked_for_is_not_called_removed(started: FakeRun, code: str) -> None:
    """It counts as removed when a later look finds it gone."""
    (clone,) = (name for name in started.aws.functions if name.startswith(CLONE_PREFIX))
    refuse(started, "get_function_configuration", code, only=clone)
    with pytest.raises(TunerError, match=clone):
        undo(started)
    assert shown(started)["remaining"] == [clone]
    started.aws.before = lambda call, name: None
    assert (undo(started).removed, undo(started).remaining) == ((clone,), ())


@pytest.mark.parametrize(
    "lost",
    [
        client_error("InternalFailure"),
        client_error("ResourceNotFoundException", ResponseMetadata={"RetryAttempts": 1}),
    ],
    ids=["each time", "the first time"],
)
def test_deletion_whose_answer_got_lost_counts_when_the_copy_is_gone(started: FakeRun, lost: Exception) -> None:
    """Whether AWS did it is asked of AWS, not concluded from an error."""
    delete = started.aws.delete_function

    def deleted_but(*, FunctionName: str) -> None:  # noqa: N803
        delete(FunctionName=FunctionName)
        raise lost

    started.aws.delete_function = deleted_but  # type: ignore[method-assign]
    restored = undo(started)
    assert (len(restored.removed), restored.remaining, restored.complete) == (1, (), True)


def test_two_that_restore_at_once_lose_nothing_of_the_proof(started: FakeRun) -> None:
    """Each finds a part of the clones gone: what either removed stands in the proof, whoever writes last."""
    delete = started.aws.delete_function

    def after_another(*, FunctionName: str) -> None:  # noqa: N803
        started.aws.delete_function = delete  # type: ignore[method-assign]
        assert undo(started).removed == (FunctionName,)
        delete(FunctionName=FunctionName)

    started.aws.delete_function = after_another  # type: ignore[method-assign]
    assert len(undo(started).removed) == 1
    assert len(shown(started)["removed"]) == 1


def test_proof_that_is_written_meanwhile_is_read_again(started: FakeRun) -> None:
    """The condition of the write sees it."""
    put, read = started.s3.put_object, started.s3.get_object

    def read_before_another(*, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        if not Key.endswith("/restore.json"):
            return read(Bucket=Bucket, Key=Key)
        started.s3.get_object = read  # type: ignore[method-assign]
        try:
            return read(Bucket=Bucket, Key=Key)
        finally:
            put(Bucket=Bucket, Key=Key, Body=json.dumps({"removed": ["another"], "remaining": []}).encode())

    started.s3.get_object = read_before_another  # type: ignore[method-assign]
    assert "another" in undo(started).removed


def test_copy_that_was_never_made_is_not_called_removed(started: FakeRun) -> None:
    """What is planned may not have been made: somebody stopped the run between the two."""
    planned = started.artifacts.read("plan.json")
    candidate = {"memory_mb": 3008, "architecture": "arm64"}
    never = {"kind": "create_function", "name": f"{CLONE_PREFIX}never", "candidate": candidate}
    started.artifacts.write("plan.json", {**planned, "steps": [*planned["steps"], never]})
    assert f"{CLONE_PREFIX}never" not in undo(started).removed


def test_a_step_of_a_later_version_is_named_and_the_rest_undone(started: FakeRun) -> None:
    """The stack was rolled back during the run: no clone stays, and nothing says that all is well."""
    planned = started.artifacts.read("plan.json")
    later = {"kind": "update_alias", "name": "live", "from": "3", "to": "4"}
    started.artifacts.write("plan.json", {**planned, "by": "2.0", "steps": [later, *planned["steps"]]})
    with pytest.raises(RestoreIncomplete, match="live: only the version that wrote update_alias"):
        undo(started)
    assert set(started.aws.functions) == {"theirs"}
    assert shown(started)["remaining"] == ["live"]


def test_a_plan_of_the_first_version_is_undone(started: FakeRun) -> None:
    """The stack was updated during the run: what this plan holds, every later version can undo."""
    planned = started.artifacts.read("plan.json")
    [step] = planned["steps"]
    first = {
        "run_id": "run-1",
        "function_name": "theirs",
        "qualifier": None,
        "expires_at": "2026-11-24T05:00:00+00:00",
        "planned_at": "2026-11-24T03:00:00+00:00",
        "snapshot_before": planned["snapshot_before"],
        "steps": [
            {
                "kind": "create_function",
                "name": step["name"],
                "candidate": {"memory_mb": 1024, "architecture": "arm64"},
            }
        ],
    }
    started.artifacts.write("plan.json", first)
    restored = undo(started)
    assert restored.removed == (step["name"],)
    assert all(check.same for check in restored.checks if check.same is not None)
    assert set(started.aws.functions) == {"theirs"}


def test_only_copies_can_be_deleted(started: FakeRun) -> None:
    """A name of another kind is refused before AWS is asked, whoever wrote it into a plan."""
    with pytest.raises(ValueError, match="not ours"):
        started.clones.delete("theirs")
    assert "theirs" in started.aws.functions
    assert ("delete_function", "theirs") not in started.aws.calls


def test_refused_deletion_is_not_hidden_by_a_throttled_one(started: FakeRun) -> None:
    """Where trying again helps only some, the error is the one that needs a person."""
    started.round()

    def before(call: str, name: str) -> None:
        if call == "delete_function":
            code = "AccessDeniedException" if name.endswith("-1024-arm") else "TooManyRequestsException"
            raise client_error(code, "refused")

    started.aws.before = before
    with pytest.raises(RestoreIncomplete, match="1024-arm"):
        undo(started)
    assert shown(started)["remaining"]


def test_one_copy_that_stays_does_not_keep_the_others(started: FakeRun) -> None:
    """What can be removed is removed, whichever cannot."""
    started.round()
    copies = [step["name"] for step in started.artifacts.read("plan.json")["steps"]]
    assert len(copies) > 1
    refuse(started, "delete_function", "AccessDeniedException", only=copies[0])
    with pytest.raises(RestoreIncomplete, match=copies[0]):
        undo(started)
    assert [name for name in started.aws.functions if name.startswith(CLONE_PREFIX)] == copies[:1]


def test_alias_that_is_gone_leaves_the_function_to_compare(run: FakeRun) -> None:
    """The function under the alias is still there, and still compared."""
    run.plan(lambdaARN="theirs:live")
    read = run.aws.get_function_configuration

    def gone(*, FunctionName: str, Qualifier: str = "") -> dict[str, Any]:  # noqa: N803
        if Qualifier:
            raise client_error("ResourceNotFoundException")
        return read(FunctionName=FunctionName)

    run.aws.get_function_configuration = gone  # type: ignore[method-assign]
    restored = undo(run)
    assert {check.what: check.same for check in restored.checks}["configuration"] is True
    assert {check.what: check.same for check in restored.checks}["qualified configuration"] is False


def test_refused_function_is_planned_no_further(run: FakeRun) -> None:
    """A role whose policy holds for the function's name alone is found before anything is made."""
    run.iam.inline["secrets"] = {
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "secretsmanager:GetSecretValue",
                "Resource": "*",
                "Condition": {"ArnLike": {"lambda:SourceFunctionArn": "arn:aws:lambda:*:*:function:theirs"}},
            }
        ]
    }
    with pytest.raises(FunctionNotTunable, match="policy secrets"):
        run.plan()
    assert not [call for call, _ in run.aws.calls if call in {"create_function", "invoke"}]


def test_layer_that_is_gone_is_refused(run: FakeRun) -> None:
    """The function keeps it; a clone cannot get it."""
    arn = "arn:aws:lambda:eu-west-1:123456789012:layer:tools:3"
    run.aws.functions["theirs"]["Layers"] = [{"Arn": arn, "CodeSize": 1}]
    assert run.plan().target.name == "theirs"
    run.aws.missing_layers.add(arn)
    with pytest.raises(FunctionNotTunable, match=arn):
        run.plan()


def test_role_that_may_not_be_read_is_a_warning(run: FakeRun) -> None:
    """The run goes on and says what it does not know."""
    run.iam.denies = True
    assert any("role could not be read" in warning for warning in run.plan().warnings)


@pytest.mark.parametrize(
    ("code", "message", "kind", "hint"),
    [
        ("InvalidParameterValueException", "Source image x does not exist.", CloneFailed, "push the image again"),
        ("ResourceNotFoundException", "Layer version x does not exist.", CloneFailed, "layer versions that exist"),
        ("CodeStorageExceededException", "Code storage limit exceeded.", CloneFailed, "storage"),
        (
            "AccessDeniedException",
            "User: u is not authorized to perform: iam:PassRole on resource: r",
            PermissionDenied,
            "PassableRoles",
        ),
    ],
)
def test_copy_that_aws_refuses_ends_the_run_with_the_way_out(
    run: FakeRun, code: str, message: str, kind: type[TunerError], hint: str
) -> None:
    """Before anything was invoked, and with nothing left."""
    run.plan()

    def before(call: str, name: str) -> None:
        if call == "create_function":
            raise client_error(code, message)

    run.aws.before = before
    with pytest.raises(kind) as raised:
        run.round()
    assert hint in raised.value.hint
    assert undo(run).complete
    assert not [call for call, _ in run.aws.calls if call == "invoke"]


def test_every_page_of_a_list_is_compared(run: FakeRun) -> None:
    """Lambda answers fifty versions or aliases at a time: a change beyond them is a change."""
    get_paginator = run.aws.get_paginator
    rows = [{"Name": "a", "FunctionVersion": "1"}, {"Name": "b", "FunctionVersion": "1"}]

    def one_a_page(operation: str) -> Any:
        if operation != "list_aliases":
            return get_paginator(operation)
        return SimpleNamespace(paginate=lambda **_: [{"Aliases": [dict(row)]} for row in rows])

    run.aws.get_paginator = one_a_page  # type: ignore[method-assign]
    run.plan()
    rows[1]["FunctionVersion"] = "2"
    assert [change.what for change in undo(run).changes] == ["aliases"]


def test_log_group_is_the_functions_own_and_no_other(run: FakeRun) -> None:
    """The one that its settings name; a group whose name only begins so is somebody else's."""
    run.aws.functions["theirs"]["LoggingConfig"] = {"LogGroup": "/shared"}
    assert run.reader.snapshot("theirs", None)["log group"]["logGroupName"] == "/shared"
    describe = run.logs.describe_log_groups
    run.logs.describe_log_groups = lambda **asked: {"logGroups": describe(**asked)["logGroups"][1:]}  # type: ignore[method-assign]
    assert run.reader.snapshot("theirs", None)["log group"] is None


def test_policies_of_a_hundred_aliases_are_not_all_asked_for(run: FakeRun) -> None:
    """GetPolicy is limited: the named alias first, then some; what was not read is not called changed."""
    asked: list[str] = []

    def get_policy(*, FunctionName: str, Qualifier: str = "") -> dict[str, Any]:  # noqa: N803
        asked.append(Qualifier)
        return {"Policy": json.dumps({"Statement": [{"Sid": Qualifier or "function"}]})}

    run.aws.get_policy = get_policy  # type: ignore[method-assign]
    run.aws.listed["list_aliases"] = [{"Name": f"a{number:02}", "FunctionVersion": "1"} for number in range(100)]
    run.plan(lambdaARN="theirs:z")
    assert asked[:3] == ["", "z", "a00"]
    assert len(asked) == 21
    run.aws.listed["list_aliases"].insert(0, {"Name": "a", "FunctionVersion": "1"})
    restored = undo(run)
    assert [change.what for change in restored.changes] == ["aliases"]
