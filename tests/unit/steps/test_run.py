"""A whole run, step by step, on in-memory stand-ins."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.unit.steps.conftest import NOW, FakeRun
from tests.unit.steps.fakes import client_error
from tuner.application import application_root
from tuner.aws.artifacts import RunArtifacts
from tuner.aws.clients import CALL_WORST_S, VERSIONS
from tuner.aws.clones import Clones
from tuner.core.errors import (
    CloneFailed,
    CloneNotReady,
    FunctionNotFound,
    FunctionNotTunable,
    InvalidRequest,
    PayloadFailed,
    PermissionDenied,
    RestoreIncomplete,
    RunInterrupted,
    RunNotFound,
    ServiceError,
    TooManyUnmeasured,
)
from tuner.core.function.target import ASSUMED_SIZE_TAG
from tuner.core.run.bucket_layout import FACTS
from tuner.core.run.plan import CLONE_PREFIX, CPU_TIME_TAG, EXPIRES_TAG, RUN_TAG
from tuner.steps.create_clones import create_clones
from tuner.steps.overdue import mark_closed, overdue_runs
from tuner.steps.recommend import recommend_for
from tuner.steps.report import report
from tuner.steps.restore import restore
from tuner.steps.run import load_payloads
from tuner.steps.sweep import sweep


def test_run_ends_with_an_answer_and_nothing_left(run: FakeRun) -> None:
    """Plan, search, recommend, restore and report: the answer is there, the clones are gone, theirs is untouched."""
    before = dict(run.aws.functions["theirs"])
    run.plan(goal={"percentile": 95, "limitMs": 200})
    assert run.search() > 1
    verdict = recommend_for(run.artifacts)
    restored = restore(run.artifacts, run.reader, run.clones, now=NOW.isoformat())
    output = report(run.artifacts, finished_at=NOW.isoformat())
    assert verdict == output["verdict"] == "GOAL_MET"
    assert output["recommended"]["durationMs"]["p95"]["estimate"] <= 200
    assert output["current"]["memoryMb"] == 1024
    assert restored.complete
    assert list(run.aws.functions) == ["theirs"]
    assert run.aws.functions["theirs"] == before
    assert {"runs/run-1/report.html", "runs/run-1/report.md", "runs/run-1/report.json"} <= set(run.s3.objects)
    assert output["report"]["console"] == (
        "https://eu-central-1.console.aws.amazon.com/s3/object/bucket?region=eu-central-1&prefix=runs/run-1/report.html"
    )


def test_live_function_is_only_read(run: FakeRun) -> None:
    """No call that writes, invokes or deletes ever names the function under test."""
    run.plan()
    run.search()
    restore(run.artifacts, run.reader, run.clones, now=NOW.isoformat())
    writing = {"create_function", "delete_function", "invoke"}
    assert {name for call, name in run.aws.calls if call in writing if not name.startswith(CLONE_PREFIX)} == set()


def test_secrets_stay_out_of_the_bucket(run: FakeRun) -> None:
    """The function's environment goes from function to clone, never through an object of ours."""
    run.plan()
    run.search()
    assert not [key for key, body in run.s3.objects.items() if b"hunter2" in body]
    clone = (
        next(name for name in run.aws.functions if name.startswith(CLONE_PREFIX)) if len(run.aws.functions) > 1 else ""
    )
    assert run.aws.functions[clone]["Environment"]["Variables"] == {"SECRET": "hunter2"}


def test_copy_is_in_the_plan_before_it_is_made(run: FakeRun) -> None:
    """Whatever ends the step in the middle of CreateFunction, the plan knows what to undo, the clone whose it is."""
    record = run.plan(budget={"maxMinutes": 90})
    planned: list[list[str]] = []

    def look(call: str, name: str) -> None:
        if call == "create_function":
            planned.append([step["name"] for step in run.artifacts.read("plan.json")["steps"]])
            assert name in planned[-1]

    run.aws.before = look
    run.search()
    made = [name for name in run.aws.functions if name.startswith(CLONE_PREFIX)]
    assert len(planned) == len(made) > 1
    ends_at = NOW + timedelta(minutes=90)
    for name in made:
        assert run.aws.tags[name][RUN_TAG] == record.run_id
        assert datetime.fromisoformat(run.aws.tags[name][EXPIRES_TAG]) > ends_at, (
            "the sweeper would take it from the run"
        )
    (mark,) = (json.loads(body) for key, body in run.s3.objects.items() if key.startswith("open/"))
    assert datetime.fromisoformat(mark["expires_at"]) > ends_at


def test_first_round_is_one_invocation_at_the_current_size(run: FakeRun) -> None:
    """What cannot work is found out with a single invocation."""
    run.plan()
    batches = run.round()
    assert [(batch.candidate.memory_mb, batch.invocation_count) for batch in batches] == [(1024, 1)]


def test_failing_payload_stops_after_one_invocation(run: FakeRun) -> None:
    """The function's own error type and message are in the sentence."""
    run.plan()

    def refuse(call: str, name: str) -> None:
        if call == "invoke":
            run.aws.functions[name]["fails"] = True

    run.aws.before = refuse
    invoke = run.aws.invoke

    def failing_invoke(**arguments: object) -> dict[str, object]:
        answer = invoke(**arguments)  # type: ignore[arg-type]
        answer["FunctionError"] = "Unhandled"
        answer["Payload"].read = lambda: json.dumps({"errorType": "KeyError", "errorMessage": "'id'"}).encode()
        return answer

    run.aws.invoke = failing_invoke  # type: ignore[method-assign]
    run.round()
    with pytest.raises(PayloadFailed, match=r"theirs fails .* 1024 MB: KeyError: 'id'"):
        run.suggest()
    assert sum(1 for call, _ in run.aws.calls if call == "invoke") == 1


def test_crash_in_an_invocation_counts_as_unmeasured(run: FakeRun) -> None:
    """An invocation that was started and never written down is counted, and not run again."""
    run.plan()
    _, batches = run.suggest()
    create_clones(run.artifacts, run.reader, run.clones, 1)

    def crash(call: str, name: str) -> None:
        if call == "invoke":
            raise KeyboardInterrupt

    run.aws.before = crash
    with pytest.raises(KeyboardInterrupt):
        run.measure(batches[0])
    run.aws.before = lambda call, name: None
    assert run.measure(batches[0]) == 1
    (invocation,) = run.artifacts.read("observations/001-0000.json")["observation"]["invocations"]
    assert invocation["outcome"] == "unmeasured"


def test_suggest_repeated_gives_the_same_round(run: FakeRun) -> None:
    """A retried Suggest does not ask for another round while one is open."""
    run.plan()
    assert run.suggest() == run.suggest()


def test_missing_report_is_looked_up_in_the_logs(run: FakeRun) -> None:
    """A tail without its REPORT is completed from CloudWatch Logs by request id."""
    run.plan()
    _, batches = run.suggest()
    create_clones(run.artifacts, run.reader, run.clones, 1)
    invoke = run.aws.invoke

    def cut_invoke(**arguments: object) -> dict[str, object]:
        import base64

        answer = invoke(**arguments)  # type: ignore[arg-type]
        run.logs.messages += base64.b64decode(answer["LogResult"]).decode().splitlines(keepends=True)
        answer["LogResult"] = ""
        return answer

    run.aws.invoke = cut_invoke  # type: ignore[method-assign]
    run.measure(batches[0])
    journal = run.artifacts.read("observations/001-0000.json")
    (invocation,) = journal["observation"]["invocations"]
    assert invocation["source"] == "logs"
    assert invocation["duration_ms"] == pytest.approx(100_000 / 1024 + 20, abs=0.01)


def test_many_unmeasured_invocations_end_the_run(run: FakeRun) -> None:
    """More than a tenth, and at least three, without a record: no answer is better than a wrong one."""
    run.plan()
    run.round()
    invoke = run.aws.invoke

    def silent_invoke(**arguments: object) -> dict[str, object]:
        return {**invoke(**arguments), "LogResult": ""}  # type: ignore[arg-type]

    run.aws.invoke = silent_invoke  # type: ignore[method-assign]
    with pytest.raises(TooManyUnmeasured, match="left no REPORT record"):
        run.search()


def test_why_records_cannot_be_looked_up_is_said(run: FakeRun) -> None:
    """A log group that our own role may not read is no fault of the function's role."""
    run.plan()
    run.round()
    invoke = run.aws.invoke

    def silent_invoke(**arguments: object) -> dict[str, object]:
        return {**invoke(**arguments), "LogResult": ""}  # type: ignore[arg-type]

    def refuse(**arguments: object) -> dict[str, object]:
        raise client_error("AccessDeniedException", "no")

    run.aws.invoke = silent_invoke  # type: ignore[method-assign]
    run.logs.filter_log_events = refuse  # type: ignore[method-assign]
    with pytest.raises(TooManyUnmeasured, match=r"or in the logs\. The last one: .*logs:FilterLogEvents"):
        run.search()


def test_clone_still_pending_is_waited_for(run: FakeRun) -> None:
    """A clone that is being made raises what the state machine retries."""
    run.plan()
    run.suggest()
    create = run.aws.create_function

    def pending_create(**arguments: object) -> dict[str, object]:
        answer = create(**arguments)  # type: ignore[arg-type]
        answer["State"] = "Pending"
        return answer

    run.aws.create_function = pending_create  # type: ignore[method-assign]
    with pytest.raises(CloneNotReady):
        create_clones(run.artifacts, run.reader, run.clones, 1)


def test_accounts_memory_cap_is_learnt_from_the_refusal(run: FakeRun) -> None:
    """A clone refused for its memory size becomes a fact, not a failure."""
    run.aws.functions["theirs"]["MemorySize"] = 512
    run.plan(memory=[512, 3008, 10240])

    def cap(call: str, name: str) -> None:
        if call == "create_function" and "-10240-" in name:
            raise client_error(
                "ValidationException",
                "'MemorySize' value failed to satisfy constraint: Member must have value less than or equal to 3008",
            )

    run.aws.before = cap
    run.search()
    assert recommend_for(run.artifacts) == "NO_GOAL"
    output = report(run.artifacts, finished_at=NOW.isoformat())
    assert output["recommended"]["memoryMb"] in {512, 3008}


def test_deploy_in_the_middle_stops_the_run(run: FakeRun) -> None:
    """Clones of two versions of the code are never compared."""
    run.plan()
    run.round()
    run.aws.functions["theirs"]["CodeSha256"] = "AAAA"
    with pytest.raises(CloneFailed, match="was deployed while"):
        run.search()


def test_restore_names_what_it_cannot_remove_and_can_be_repeated(run: FakeRun) -> None:
    """A refused deletion is an error with a name; the next restore finishes the work."""
    run.plan()
    run.round()

    def deny(call: str, name: str) -> None:
        if call == "delete_function":
            raise client_error("AccessDeniedException", "no")

    run.aws.before = deny
    with pytest.raises(RestoreIncomplete, match=CLONE_PREFIX):
        restore(run.artifacts, run.reader, run.clones, now=NOW.isoformat())
    run.aws.before = lambda call, name: None
    assert restore(run.artifacts, run.reader, run.clones, now=NOW.isoformat()).complete
    assert restore(run.artifacts, run.reader, run.clones, now=NOW.isoformat()).complete
    assert list(run.aws.functions) == ["theirs"]


def test_restore_shows_what_somebody_else_changed(run: FakeRun) -> None:
    """The proof compares the function with what it was."""
    run.plan()
    run.aws.functions["theirs"]["MemorySize"] = 2048
    restored = restore(run.artifacts, run.reader, run.clones, now=NOW.isoformat())
    assert not restored.complete
    assert [(check.before, check.after) for check in restored.checks if check.what == "memory size (MB)"] == [
        (1024, 2048)
    ]


def test_restore_of_a_run_that_never_began_does_nothing(run: FakeRun) -> None:
    """There is nothing to undo, and that is fine."""
    assert restore(run.artifacts, run.reader, run.clones, now=NOW.isoformat()).complete


def test_stop_request_before_any_measurement_interrupts(run: FakeRun) -> None:
    """A run that is asked to end before it has measured anything has no answer."""
    run.plan()
    run.artifacts.write("stop.json", {})
    with pytest.raises(RunInterrupted):
        run.suggest()


def test_stop_request_later_ends_with_what_is_known(run: FakeRun) -> None:
    """A run that is asked to end answers from what it has measured."""
    run.plan()
    run.round()
    run.round()
    run.artifacts.write("stop.json", {})
    assert run.round() == ()
    assert recommend_for(run.artifacts) in {"NO_GOAL", "UNCERTAIN"}


def test_dry_run_makes_one_invocation_and_an_estimate(run: FakeRun) -> None:
    """The estimate never passes the budget."""
    run.plan(dryRun=True)
    run.search()
    assert recommend_for(run.artifacts) == "DRY_RUN"
    output = report(run.artifacts, finished_at=NOW.isoformat())
    assert output["verdict"] == "DRY_RUN"
    assert output["invocations"] == 1
    assert output["estimate"]["invocations"] == 50
    assert 0 < output["estimate"]["costUsd"] <= 1
    assert 0 < output["estimate"]["minutes"] <= 60


def test_weighted_payloads_are_drawn_in_proportion(run: FakeRun) -> None:
    """A mix of 3 to 1 is invoked 3 to 1 at each size, as near as whole invocations allow."""
    run.plan(payload=[{"payload": "often", "weight": 3}, {"payload": "seldom", "weight": 1}])
    sent: list[bytes] = []
    invoke = run.aws.invoke

    def noting_invoke(**arguments: object) -> dict[str, object]:
        sent.append(arguments["Payload"])  # type: ignore[arg-type]
        return invoke(**arguments)  # type: ignore[arg-type]

    run.aws.invoke = noting_invoke  # type: ignore[method-assign]
    run.search()
    assert sent[0] == b'"often"'
    assert 0 < sent.count(b'"seldom"') <= sent.count(b'"often"')


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"CapacityProviderConfig": {"x": 1}}, "Managed Instances"),
        ({"AcceleratorConfig": {"x": 1}}, "GPU"),
        ({"MasterArn": "arn:aws:lambda:us-east-1:123456789012:function:edge:1"}, "Lambda@Edge"),
        ({"State": "Failed", "StateReason": "image gone"}, "image gone"),
        ({"State": "Pending"}, "Pending"),
        ({"_reserved": 0}, "reserved concurrency is 0"),
        ({"Timeout": 900}, "900 s"),
        ({"Environment": {"Error": {"ErrorCode": "AccessDenied"}}}, "decrypted"),
        ({"DurableConfig": {"x": 1}}, "durable"),
        ({"LastUpdateStatus": "InProgress"}, "deployment"),
    ],
)
def test_untunable_functions_are_refused_by_reason(run: FakeRun, change: dict[str, object], reason: str) -> None:
    """Refused before anything is created or invoked."""
    run.aws.functions["theirs"].update(change)
    with pytest.raises(FunctionNotTunable, match=reason):
        run.plan()
    assert not {call for call, _ in run.aws.calls} & {"create_function", "invoke"}


def test_unknown_function_is_named(run: FakeRun) -> None:
    """The sentence names function and Region."""
    with pytest.raises(FunctionNotFound, match="no function missing in Region eu-west-1"):
        run.plan(lambdaARN="missing")


def test_refused_permission_names_action_resource_and_role(run: FakeRun) -> None:
    """AWS's own sentence is taken apart."""

    def deny(call: str, name: str) -> None:
        raise client_error(
            "AccessDeniedException",
            "User: arn:aws:sts::123456789012:assumed-role/plan/x is not authorized to perform: "
            "lambda:GetFunctionConfiguration on resource: arn:aws:lambda:eu-west-1:123456789012:function:theirs",
        )

    run.aws.before = deny
    with pytest.raises(
        PermissionDenied, match=r"assumed-role/plan/x may not call lambda:GetFunctionConfiguration on arn"
    ):
        run.plan()


def test_payload_from_s3_is_read_once_and_refused_when_it_is_no_json(run: FakeRun) -> None:
    """The object's name is in the sentence."""
    run.s3.objects["event.json"] = b"{not json"
    with pytest.raises(InvalidRequest, match=r"s3://elsewhere/event.json, which is not JSON"):
        run.plan(payloadS3="s3://elsewhere/event.json")
    with pytest.raises(InvalidRequest, match="no such object"):
        run.plan(payloadS3="s3://elsewhere/none.json")


@pytest.mark.parametrize(
    "key", ["runs/other/payloads.json", "runs/other/payload.json", "open/other.json", "functions/a"]
)
def test_payload_is_not_read_from_other_runs(key: str, run: FakeRun) -> None:
    """Of the artifact bucket whoever starts a run has no more read than what was put there for that."""
    run.s3.objects[key] = b'{"card": "4111"}'
    with pytest.raises(InvalidRequest, match="not those of other runs"):
        run.plan(payloadS3=f"s3://bucket/{key}")


@pytest.mark.parametrize("key", ["payloads/event.json", "runs/run-1/payload.json"])
def test_payload_is_read_where_it_was_put_for_the_run(key: str, run: FakeRun) -> None:
    """Under payloads/, and what the command uploaded for this very run."""
    run.s3.objects[key] = b'{"id": 7}'
    run.plan(payloadS3=f"s3://bucket/{key}")
    assert json.loads(load_payloads(run.artifacts)(0)) == {"id": 7}


def test_an_execution_name_that_no_tag_can_hold_is_refused_before_anything_is_read(run: FakeRun) -> None:
    """Written out it is longer than a tag's value may be."""
    run.artifacts = RunArtifacts(run.artifacts.bucket, "\N{GRINNING FACE}" * 80)
    with pytest.raises(InvalidRequest, match="too long for the tag"):
        run.plan()
    assert run.aws.calls == []


def test_an_sdk_that_drops_settings_is_refused_before_anything_is_read(
    run: FakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older one leaves out fields that it does not know: the clones would not be what the function is."""
    monkeypatch.setitem(VERSIONS, "botocore", "1.40.4")
    with pytest.raises(ServiceError, match=r"1\.40\.4"):
        run.plan()
    assert run.aws.calls == []


def test_observed_duration_scales_what_this_machine_measured(run: FakeRun) -> None:
    """One duration known from AWS anchors a local run."""
    run.where = "local"
    run.memory_cap_mb = 3538
    run.plan(observed={"memoryMb": 1024, "durationMs": 1000})
    run.search()
    recommend_for(run.artifacts)
    output = report(run.artifacts, finished_at=NOW.isoformat())
    assert output["where"] == "local"
    assert output["current"]["durationMs"]["p50"]["estimate"] == pytest.approx(1000, rel=0.15)


@pytest.mark.parametrize("wanted", [False, True])
def test_cpu_time_is_asked_of_the_copies_by_a_tag(run: FakeRun, wanted: bool) -> None:
    """A run that wants CPU times makes clones that tell them, and its report says so; others do neither."""
    run.where = "local"
    run.memory_cap_mb = 3538
    run.plan(cpuTime=wanted)
    run.search()
    recommend_for(run.artifacts)
    report(run.artifacts, finished_at=NOW.isoformat())
    document = json.loads(run.s3.objects["runs/run-1/report.json"])
    tags = [tags for name, tags in run.aws.tags.items() if name.startswith(CLONE_PREFIX)]
    assert tags
    assert all((CPU_TIME_TAG in tag) == wanted for tag in tags)
    assert any("CPU time" in assumption for assumption in document["assumptions"]) == wanted
    assert document["request"].get("cpuTime", False) == wanted


def test_overdue_run_of_the_same_function_is_restored_first(run: FakeRun) -> None:
    """A run that nobody restored is found by the next run of its function; other functions' runs are left alone."""
    marks = {"lost": ("theirs", 2025), "busy": ("theirs", 2027), "other": ("other", 2025), "too": ("theirs", 2025)}
    for run_id, (function_name, year) in marks.items():
        mark = {"function_name": function_name, "expires_at": f"{year}-11-01T00:00:00+00:00"}
        run.artifacts.bucket.write_json(f"open/{run_id}.json", mark)
    run.plan()
    assert run.restarted == ["lost", "too"]


def test_mark_of_a_run_stays_until_its_end_is_told(run: FakeRun) -> None:
    """From before anything happens until everything is restored and the report is written."""
    with pytest.raises(FunctionNotFound):
        run.plan(lambdaARN="missing")
    assert "open/run-1.json" in run.s3.objects
    run.plan()
    restore(run.artifacts, run.reader, run.clones, now=NOW.isoformat())
    assert "open/run-1.json" in run.s3.objects
    report(run.artifacts, finished_at=NOW.isoformat(), status="ABORTED")
    assert "open/run-1.json" not in run.s3.objects


def test_mark_outlasts_its_run_and_names_its_function(run: FakeRun) -> None:
    """Before the plan is there it lasts longer than an execution may; then it is the plan's, found by the function."""
    machine = json.loads((application_root() / "state_machine" / "tune.asl.json").read_text(encoding="utf-8"))
    with pytest.raises(FunctionNotFound):
        run.plan(lambdaARN="missing")
    first = run.artifacts.bucket.read_json("open/run-1.json")
    longest = timedelta(seconds=machine["TimeoutSeconds"])
    assert first is not None
    assert datetime.fromisoformat(first["expires_at"]) - NOW > longest
    run.plan()
    plan = run.artifacts.read("plan.json")
    assert run.artifacts.bucket.read_json("open/run-1.json") == {
        "function_name": "theirs",
        "expires_at": plan["expires_at"],
    }


def test_a_step_that_nobody_stopped_does_not_tell_another_end(run: FakeRun) -> None:
    """The clean-up of a stopped run writes its report while the run's own is being written: the stop stays told."""
    run.plan()
    run.search()
    recommend_for(run.artifacts)
    put_object = run.s3.put_object

    def put_and_stop(**request: object) -> object:
        if str(request["Key"]).endswith("report.md"):
            run.s3.put_object = put_object  # type: ignore[method-assign]
            report(run.artifacts, finished_at=NOW.isoformat(), status="ABORTED")
        return put_object(**request)  # type: ignore[arg-type]

    run.s3.put_object = put_and_stop  # type: ignore[method-assign,assignment]
    output = report(run.artifacts, finished_at=NOW.isoformat())
    assert output["error"]["name"] == "RunAborted"
    assert run.artifacts.read("report.json")["error"]["name"] == "RunAborted"
    assert "RunAborted" in run.s3.objects["runs/run-1/report.md"].decode()
    assert "functions/theirs/latest.json" not in run.s3.objects


def test_failure_that_could_not_be_written_down_is_told_all_the_same(run: FakeRun) -> None:
    """The execution hands its error on, and a later restore, which knows only FAILED, keeps it."""
    run.plan()
    failure = {
        "name": "PayloadFailed",
        "cause": "It fails with this payload.\nReport: s3://bucket/runs/run-1/report.html",
    }
    report(run.artifacts, finished_at=NOW.isoformat(), status="FAILED", failure=failure)
    output = report(run.artifacts, finished_at=NOW.isoformat(), status="FAILED")
    assert (output["error"]["name"], output["error"]["message"]) == ("PayloadFailed", "It fails with this payload.")


def test_run_that_finds_its_decision_gone_has_no_answer(run: FakeRun) -> None:
    """It ends with an error, so that the execution fails: a report without an answer is no success."""
    run.plan()
    run.search()
    with pytest.raises(RunNotFound, match=r"decision\.json"):
        report(run.artifacts, finished_at=NOW.isoformat())


def test_restore_that_left_something_is_left_to_the_sweeper(run: FakeRun) -> None:
    """Also where an earlier restore had found everything removed, and the mark was gone."""
    run.plan()
    restored = {"removed": [], "remaining": ["lambda-tuner-clone-1"], "checks": [], "checked_at": NOW.isoformat()}
    run.artifacts.write("restore.json", restored)
    mark_closed(run.artifacts)
    report(run.artifacts, finished_at=NOW.isoformat(), status="FAILED")
    assert [run_id for run_id, _ in overdue_runs(run.artifacts.bucket, now=NOW.isoformat())] == ["run-1"]


def test_answer_of_a_run_that_failed_after_all_is_taken_back(run: FakeRun) -> None:
    """An execution that ends badly after its report was written leaves no recommendation; another run's stays."""
    run.plan()
    run.search()
    recommend_for(run.artifacts)
    report(run.artifacts, finished_at=NOW.isoformat())
    latest = "functions/theirs/latest.json"
    assert latest in run.s3.objects
    report(run.artifacts, finished_at=NOW.isoformat(), status="UNKNOWN")
    assert latest in run.s3.objects
    output = report(run.artifacts, finished_at=NOW.isoformat(), status="ABORTED")
    assert output["error"]["name"] == "RunAborted"
    assert latest not in run.s3.objects
    run.artifacts.bucket.write_json(latest, {"runId": "another"})
    report(run.artifacts, finished_at=NOW.isoformat(), status="ABORTED")
    assert latest in run.s3.objects


def test_sweep_restores_overdue_runs_and_removes_orphans(run: FakeRun) -> None:
    """By their tags: still in time, overdue, or of no run at all."""
    for name, tags in {
        "1-128-arm": {"lambda-tuner:run": "busy", "lambda-tuner:expires": "2027-01-01T00:00:00+00:00"},
        "2-128-arm": {"lambda-tuner:run": "lost", "lambda-tuner:expires": "2026-11-24T02:00:00+00:00"},
        "3-128-arm": {},
    }.items():
        run.aws.add(CLONE_PREFIX + name, LoggingConfig={"LogGroup": "/lambda-tuner/clones"})
        run.aws.tags[CLONE_PREFIX + name] = tags
    swept = sweep(run.clones, run.artifacts.bucket, run.restarted.append, now=NOW.isoformat())
    assert (swept.restarted, swept.removed, swept.kept) == (("lost",), (CLONE_PREFIX + "3-128-arm",), 1)
    assert run.restarted == ["lost"]


def test_prices_are_those_of_the_region_that_was_asked_for(run: FakeRun) -> None:
    """On this machine the Region of the prices can be chosen, and the report names it."""
    run.where = "local"
    record = run.plan(pricesRegion="af-south-1", accountGbSecondsPerMonth=1e15)
    assert record.problem.prices["arm64"].usd_per_request == pytest.approx(0.27e-6)
    assert any("higher tiers are not known for af-south-1" in row for row in record.assumptions)
    run.search()
    recommend_for(run.artifacts)
    report(run.artifacts, finished_at=NOW.isoformat())
    document = json.loads(run.s3.objects["runs/run-1/report.json"])
    assert document["prices"]["region"] == document["request"]["pricesRegion"] == "af-south-1"


def test_amounts_in_yuan_are_called_so(run: FakeRun) -> None:
    """With the prices of a Region in China the report and the output name the currency."""
    run.where = "local"
    run.aws.functions["theirs"]["Architectures"] = ["x86_64"]
    run.plan(pricesRegion="cn-north-1")
    run.search()
    recommend_for(run.artifacts)
    output = report(run.artifacts, finished_at=NOW.isoformat())
    assert output["currency"] == json.loads(run.s3.objects["runs/run-1/report.json"])["currency"] == "CNY"
    assert "a million invocations cost **¥" in run.s3.objects["runs/run-1/report.md"].decode()


def test_copies_that_one_call_has_no_time_for_are_made_by_the_next(run: FakeRun) -> None:
    """CreateClones begins none that could outlast it, goes on where it ended, and makes none twice."""
    run.plan(num=2, powerValues="ALL")
    run.round()
    number, batches = run.suggest()
    left_s, creations_s = 300.0, 7.0

    def slow(call: str, _: str) -> None:
        nonlocal left_s
        if call == "create_function":
            left_s -= creations_s

    def remaining_s() -> float:
        return left_s

    run.aws.before = slow
    with pytest.raises(CloneNotReady, match="the next call continues"):
        create_clones(run.artifacts, run.reader, run.clones, number, remaining_s=remaining_s)
    assert left_s >= CALL_WORST_S - creations_s
    left_s = 300.0
    ready = create_clones(run.artifacts, run.reader, run.clones, number, remaining_s=remaining_s)
    created = [name for call, name in run.aws.calls if call == "create_function"]
    assert ready == len(batches) == 46
    assert len(created) == len(set(created))


def test_the_deployers_tags_never_replace_our_own(run: FakeRun) -> None:
    """CloneTags may name any key: a clone without its run's tag would be an orphan, taken away while it is measured."""
    theirs = {"env": "prod", RUN_TAG: "theirs", EXPIRES_TAG: "2020-01-01T00:00:00+00:00"}
    run.clones = Clones(run.aws, log_group="/lambda-tuner/clones", tags=theirs)
    run.plan()
    run.round()
    (tags,) = run.aws.tags.values()
    expires_at = run.artifacts.read("plan.json")["expires_at"]
    assert tags == {"env": "prod", RUN_TAG: "run-1", EXPIRES_TAG: expires_at}


def test_time_is_looked_at_while_copies_are_pending_too(run: FakeRun) -> None:
    """In an account each clone is pending when it is made: the first is made, and the rest are for the next call."""
    run.plan(num=2, powerValues="ALL")
    run.round()
    number, batches = run.suggest()
    create = run.aws.create_function
    run.aws.create_function = lambda **request: {**create(**request), "State": "Pending"}  # type: ignore[method-assign]
    with pytest.raises(CloneNotReady, match=rf"^1 of {len(batches)} .*the next call continues"):
        create_clones(run.artifacts, run.reader, run.clones, number, remaining_s=lambda: CALL_WORST_S - 1)


def test_a_copy_that_is_being_changed_is_waited_for(run: FakeRun) -> None:
    """Lambda answers an invocation by what was before the change."""
    run.plan()
    run.round()
    (copy,) = (name for name in run.aws.functions if name.startswith(CLONE_PREFIX))
    run.aws.functions[copy]["LastUpdateStatus"] = "InProgress"
    with pytest.raises(CloneNotReady, match="1 of 1"):
        create_clones(run.artifacts, run.reader, run.clones, 1)


def test_the_largest_size_that_the_account_has_is_measured(run: FakeRun) -> None:
    """The cap that AWS told is a size that it allows."""
    run.plan()
    run.artifacts.write(FACTS, {"memory_cap_mb": 1024})
    run.round()
    assert [row["MemorySize"] for name, row in run.aws.functions.items() if name.startswith(CLONE_PREFIX)] == [1024]


def test_name_of_an_earlier_run_is_not_taken_again(run: FakeRun) -> None:
    """AWS gives an execution's name free after 90 days: a run does not go on with what another one measured."""
    run.plan()
    run.plan()  # the same execution, whose first answer was lost
    run.artifacts.write("progress.json", {**run.artifacts.read("progress.json"), "startedAt": "2026-07-01T03:00:00Z"})
    with pytest.raises(InvalidRequest, match="run-1, was already used for a run on 2026-07-01"):
        run.plan()


def failing(run: FakeRun, at_mb: Callable[[int], bool], error_type: str, message: str) -> None:
    """Let the function's clones fail with this error at some sizes."""
    invoke = run.aws.invoke

    def answer(**arguments: Any) -> dict[str, Any]:
        given = invoke(**arguments)
        if at_mb(run.aws.functions[arguments["FunctionName"]]["MemorySize"]):
            given["FunctionError"] = "Unhandled"
            body = json.dumps({"errorType": error_type, "errorMessage": message}).encode()
            given["Payload"] = io.BytesIO(body)
        return given

    run.aws.invoke = answer  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("error_type", "message"),
    [
        ("Runtime.ExitError", "Error: Runtime exited with error: signal: killed"),
        ("Sandbox.Timedout", "Task timed out after 2.00 seconds"),
    ],
)
def test_size_that_is_only_assumed_may_be_too_small(run: FakeRun, error_type: str, message: str) -> None:
    """Nobody chose 128 MB: that it is too little is a fact about it, and the search goes on upward."""
    run.where = "local"
    run.aws.functions["theirs"]["MemorySize"] = 128
    run.aws.tags["theirs"] = {ASSUMED_SIZE_TAG: "true"}
    failing(run, lambda memory_mb: memory_mb < 256, error_type, message)
    run.plan(budget={"maxInvocations": 12})
    assert run.search() > 1
    recommend_for(run.artifacts)
    output = report(run.artifacts, finished_at=NOW.isoformat())
    assert output["recommended"]["memoryMb"] >= 256


def test_an_error_at_a_size_that_is_only_assumed_says_how_to_name_todays(run: FakeRun) -> None:
    """A handler that says in its own words that it lacks memory may work at the size that it has."""
    run.where = "local"
    run.aws.tags["theirs"] = {ASSUMED_SIZE_TAG: "true"}
    failing(run, lambda _: True, "ValueError", "I need more room")
    run.plan()
    run.round()
    with pytest.raises(PayloadFailed, match="at the assumed size, ") as failed:
        run.suggest()
    assert "--memory" in failed.value.hint


def test_size_that_somebody_chose_must_work(run: FakeRun) -> None:
    """And the advice is about memory, not about code that does not start."""
    failing(run, lambda _: True, "Runtime.ExitError", "Error: Runtime exited with error: signal: killed")
    run.plan()
    run.round()
    with pytest.raises(PayloadFailed, match="ran out of memory") as failed:
        run.suggest()
    assert "more memory" in failed.value.hint


def test_errors_at_a_size_are_told(run: FakeRun) -> None:
    """They stand in the warnings and the verdict of every form of the report, with the function's own words cut."""
    failing(run, lambda memory_mb: memory_mb > 1500, "ValueError", "too\nlarge \x1b[2J" + "x" * 900)
    run.plan(budget={"maxInvocations": 12})
    run.search()
    recommend_for(run.artifacts)
    report(run.artifacts, finished_at=NOW.isoformat())
    document = run.artifacts.read("report.json")
    assert document["recommended"]["memoryMb"] < 1500
    (told,) = [warning for warning in document["warnings"] if "failed in" in warning]
    assert "ValueError: too ⏎ large" in told
    assert len(told) < 500
    for name in ("report.md", "report.html"):
        text = run.s3.objects[f"runs/run-1/{name}"].decode()
        assert "The function failed in" in text
        assert "\x1b" not in text


@pytest.mark.parametrize(("where", "asked"), [("aws", False), ("aws", True), ("local", False)])
def test_failure_says_where_it_came_from(run: FakeRun, where: str, asked: bool) -> None:
    """File and line in every report; the log on this machine, or on request, and never in a pipeline's summary."""
    run.where = where
    invoke = run.aws.invoke

    def answer(**arguments: Any) -> dict[str, Any]:
        given = invoke(**arguments)
        log = "START RequestId: x\nsecret\x1b[1m\n[ERROR] KeyError: 'id'\rTraceback\r  File app.py\n"
        given["LogResult"] = base64.b64encode(log.encode() + base64.b64decode(given["LogResult"])).decode()
        frame = '  File "/var/task/app.py", line 3, in handler\n    event["id"]\n'
        body = {"errorType": "KeyError", "errorMessage": "'id'", "stackTrace": [frame]}
        return given | {"FunctionError": "Unhandled", "Payload": io.BytesIO(json.dumps(body).encode())}

    run.aws.invoke = answer  # type: ignore[method-assign]
    run.plan(**({"includeLogTail": True} if asked else {}))
    run.round()
    with pytest.raises(PayloadFailed, match=r"KeyError: 'id' \(app.py:3\)") as failed:
        run.suggest()
    failure = {"name": "PayloadFailed", "cause": str(failed.value)}
    report(run.artifacts, finished_at=NOW.isoformat(), status="FAILED", failure=failure)
    (row,) = run.artifacts.read("report.json")["observations"]
    kept = ["secret�[1m", "[ERROR] KeyError: 'id'", "Traceback", "  File app.py"]
    assert row.get("logTail") == (kept if asked or where == "local" else None)
    assert row["errorFrames"] == ["app.py:3"]
    page, summary = (run.s3.objects[f"runs/run-1/report.{kind}"].decode() for kind in ("html", "md"))
    assert "app.py:3</pre>" in page
    assert "\napp.py:3\n" in summary
    assert ("secret" in page) == asked
    assert "secret" not in summary + str(failed.value)
