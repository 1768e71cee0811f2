"""A second run of the same function: what the bucket keeps for it, and what must not spoil it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jsonschema
import pytest

from tests.unit.report.test_schema import STRICT_VALIDATOR
from tests.unit.steps.conftest import NOW, FakeRun
from tuner.aws.artifacts import Artifacts, RunArtifacts
from tuner.core.errors import ChangedMeanwhile
from tuner.steps.earlier import load_earlier
from tuner.steps.recommend import recommend_for
from tuner.steps.report import report
from tuner.steps.restore import restore
from tuner.steps.run import load_record

GOAL = {"goal": {"percentile": 95, "limitMs": 200}, "memory": [128, 256, 512, 768, 1024, 1536, 2048, 3008]}


def begin(run: FakeRun, run_id: str, **request: Any) -> str:
    """Plan another run in the same bucket; gives the key of its study."""
    run.artifacts = RunArtifacts(Artifacts(run.s3, "bucket"), run_id)
    run.plan(**{**GOAL, **request})
    return load_record(run.artifacts).study_key


def finish(run: FakeRun) -> dict[str, Any]:
    """Search, recommend, restore and report; gives ``report.json``."""
    run.search()
    recommend_for(run.artifacts)
    restore(run.artifacts, run.reader, run.clones, now=NOW.isoformat())
    report(run.artifacts, finished_at=NOW.isoformat())
    document: dict[str, Any] = run.artifacts.read("report.json")
    return document


def studies(run: FakeRun) -> list[str]:
    """Keys of the study objects of the function."""
    return [key for key in run.s3.objects if key.startswith("functions/theirs/") and "study-" in key]


def test_the_second_night_starts_from_the_first(run: FakeRun) -> None:
    """Nothing changed: at most half of the invocations, the same answer, and the result says what it rests on."""
    begin(run, "night-1")
    first = finish(run)
    begin(run, "night-2")
    second = finish(run)
    assert first["warmStart"]["used"] is False
    assert "no earlier run" in first["warmStart"]["reason"]
    assert second["warmStart"] | {"unchangedProbability": None, "reason": ""} == {
        "fromRunId": "night-1", "ageDays": 0.0, "used": True, "reason": "", "unchangedProbability": None,
        "samples": sum(row["samples"] for row in first["configurations"]),
    }  # fmt: skip
    assert second["warmStart"]["unchangedProbability"] > 0.9
    assert second["invocations"] <= first["invocations"] / 2
    assert second["recommended"]["memoryMb"] == first["recommended"]["memoryMb"]
    assert len(studies(run)) == 1


@pytest.mark.parametrize("disturbance", ["load", "waits"])
def test_no_run_starts_from_one_that_other_work_disturbed(run: FakeRun, disturbance: str) -> None:
    """On the user's own machine: neither from a run that began on a busy one, nor from one that waited for cores."""
    small: dict[str, Any] = {"memory": [256, 1024], "budget": {"maxInvocations": 6}}
    run.where, run.load = "local", 4.0 if disturbance == "load" else 0.1
    run.aws.core_wait = "Core Wait: 20.000 ms\tCore Wait Error: 2.000 ms\t" if disturbance == "waits" else ""
    begin(run, "night-1", **small)
    first = finish(run)
    run.load, run.aws.core_wait = 0.1, ""
    begin(run, "night-2", **small)
    run.suggest()
    earlier = load_earlier(run.artifacts)
    assert earlier.runs == ()
    assert "undisturbed" in earlier.reason
    (warning,) = first["warnings"]
    count = first["invocations"]
    assert warning.startswith(
        "This machine was busy when the run began"
        if disturbance == "load"
        else f"Other work on this machine disturbed {count} of {count} invocations."
    )
    waits_ms = {row.get("coreWaitMs") for row in first["observations"]}
    assert waits_ms == ({None} if disturbance == "load" else {20.0})


def test_a_slower_function_is_noticed_and_later_nights_start_from_there(run: FakeRun) -> None:
    """The run that notices says so and starts cold; the next one starts from it alone."""
    begin(run, "night-1")
    finish(run)
    fast = run.aws.duration_ms
    run.aws.duration_ms = lambda memory_mb: 1.5 * fast(memory_mb)
    begin(run, "night-2")
    second = finish(run)
    assert second["warmStart"]["used"] is False
    assert second["warmStart"]["fromRunId"] == "night-1"
    assert second["warmStart"]["reason"] in second["assumptions"]
    begin(run, "night-3")
    third = finish(run)
    assert third["warmStart"]["used"] is True
    assert [earlier.run_id for earlier in load_earlier(run.artifacts).runs] == ["night-2"]


def test_the_size_that_was_taken_over_is_no_change(run: FakeRun) -> None:
    """The recommended size is deployed: the function's memory differs, what was measured still holds."""
    begin(run, "night-1")
    first = finish(run)
    run.aws.functions["theirs"]["MemorySize"] = first["recommended"]["memoryMb"]
    begin(run, "night-2")
    assert finish(run)["warmStart"]["used"] is True


CHANGES: dict[str, Callable[[FakeRun], dict[str, Any]]] = {
    "code": lambda run: run.aws.functions["theirs"].update(CodeSha256="bmV3") or {},
    "runtime": lambda run: run.aws.functions["theirs"].update(Runtime="python3.12") or {},
    "timeout": lambda run: run.aws.functions["theirs"].update(Timeout=20) or {},
    "environment": lambda run: run.aws.functions["theirs"].update(Environment={"Variables": {"A": "1"}}) or {},
    "payload": lambda _: {"payload": {"width": 1}},
    "mix": lambda _: {"payload": [{"payload": {}, "weight": 9}, {"payload": {}, "weight": 1}]},
    "machine": lambda run: _on_this_machine(run),
}


def _on_this_machine(run: FakeRun) -> dict[str, Any]:
    run.where = "local"
    return {}


@pytest.mark.parametrize("change", CHANGES)
def test_what_measures_another_thing_has_another_study(run: FakeRun, change: str) -> None:
    """Code, runtime, configuration, payload mix and machine are part of the study's name."""
    key = begin(run, "night-1")
    assert begin(run, "night-2", **CHANGES[change](run)) != key


def test_the_key_holds_no_secret(run: FakeRun) -> None:
    """Environment variables decide about the study's name and cannot be read from it."""
    key = begin(run, "night-1")
    assert len(key) == 16
    assert set(key) <= set("0123456789abcdef")


def test_warm_start_can_be_switched_off(run: FakeRun) -> None:
    """``warmStart: false`` starts cold, says so, and still leaves its observations to the next night."""
    few = {"maxInvocations": 30}
    begin(run, "night-1", budget=few)
    first = finish(run)
    begin(run, "night-2", warmStart=False, budget=few)
    second = finish(run)
    assert second["warmStart"]["used"] is False
    assert "switched off" in second["warmStart"]["reason"]
    assert min(first["invocations"], second["invocations"]) > 8
    begin(run, "night-3")
    run.suggest()
    assert {earlier.run_id for earlier in load_earlier(run.artifacts).runs} == {"night-1", "night-2"}


@pytest.mark.parametrize("content", [b"\x00\x01 damaged", b'{"op_code": 99}\n'], ids=["damaged", "newer"])
def test_a_study_that_cannot_be_read_is_kept_and_told(run: FakeRun, content: bytes) -> None:
    """It is set aside under a new name with its content, the run starts cold, and the report warns."""
    begin(run, "night-1")
    run.round()
    (study,) = studies(run)
    run.s3.objects[study] = content
    begin(run, "night-2")
    document = finish(run)
    (aside,) = [key for key in studies(run) if "set-aside" in key]
    assert aside.startswith("functions/theirs/night-2.")
    assert run.s3.objects[aside].startswith(content.rstrip(b"\n"))
    assert document["warmStart"]["used"] is False
    assert [warning for warning in document["warnings"] if aside in warning]
    begin(run, "night-3")
    run.suggest()
    assert [earlier.run_id for earlier in load_earlier(run.artifacts).runs] == ["night-2"]


def test_a_damaged_record_in_a_sound_study_is_left_out(run: FakeRun) -> None:
    """One impossible duration of an earlier run must not end a run that can do without it."""
    begin(run, "night-1")
    finish(run)
    (study,) = studies(run)
    lines = [json.loads(line) for line in run.s3.objects[study].splitlines()]
    records = [line["user_attr"]["observation"] for line in lines if "observation" in line.get("user_attr", {})]
    records[1]["invocations"][0]["duration_ms"] = -5.0
    del records[2]["candidate"]
    records[3]["invocations"][0]["of_a_newer_version"] = True
    run.s3.objects[study] = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    begin(run, "night-2")
    run.suggest()
    (earlier,) = load_earlier(run.artifacts).runs
    assert len(earlier.observations) == len(records) - 2
    assert finish(run)["warmStart"]["used"] is True


def test_two_runs_on_one_study_keep_their_trials_apart(run: FakeRun) -> None:
    """Each run finishes its own trials only, and both end with an answer."""
    begin(run, "run-a")
    a = run.artifacts
    run.round()
    begin(run, "run-b")
    b = run.artifacts
    turn = {a: True, b: True}
    while any(turn.values()):
        for artifacts in (a, b):
            if turn[artifacts]:
                run.artifacts = artifacts
                turn[artifacts] = bool(run.round())
    for artifacts in (a, b):
        run.artifacts = artifacts
        assert recommend_for(artifacts) == "GOAL_MET"
    (study,) = studies(run)
    states = [json.loads(line).get("state") for line in run.s3.objects[study].splitlines()]
    assert 3 not in states  # Optuna's FAIL


def test_a_study_written_meanwhile_is_asked_again(run: FakeRun) -> None:
    """The conditional write refuses, nothing of the step is kept, and its retry goes on from the other's study."""
    begin(run, "night-1")
    put = run.s3.put_object

    def put_after_another(**request: Any) -> Any:
        if "study-" in request["Key"]:
            run.s3.put_object = put  # type: ignore[method-assign]
            run.s3.objects[request["Key"]] = b""
        return put(**request)

    run.s3.put_object = put_after_another  # type: ignore[method-assign]
    with pytest.raises(ChangedMeanwhile):
        run.suggest()
    assert run.artifacts.names("rounds/") == []
    number, batches = run.suggest()
    assert (number, len(batches)) == (1, 1)


def test_runs_that_are_too_old_are_not_used(run: FakeRun) -> None:
    """After two months the function's surroundings are others, whatever its code."""
    begin(run, "night-1")
    finish(run)
    record = json.loads(run.s3.objects["runs/night-1/request.json"])
    old = record["started_at"]
    (study,) = studies(run)
    then = (NOW - timedelta(days=61)).isoformat()
    run.s3.objects[study] = run.s3.objects[study].replace(old.encode(), then.encode())
    begin(run, "night-2")
    run.suggest()
    assert load_earlier(run.artifacts).runs == ()


def test_the_report_explains_the_search(run: FakeRun) -> None:
    """Curve, batches with their reasons and neighbours are there, as the schema says."""
    begin(run, "night-1")
    document = finish(run)
    STRICT_VALIDATOR.validate(document)
    assert sum(batch["invocations"] for batch in document["batches"]) == document["invocations"]
    assert all(batch["reason"] for batch in document["batches"])
    sizes = [point["memoryMb"] for point in document["curve"]]
    assert (min(sizes), max(sizes)) == (128, 3008)
    assert all(point["goalMs"]["estimate"] >= point["meanMs"]["estimate"] * 0.9 for point in document["curve"])
    assert document["recommended"]["memoryMb"] not in [row["memoryMb"] for row in document["neighbours"]]
    assert "moreInvocations" not in document
    with pytest.raises(jsonschema.ValidationError):
        STRICT_VALIDATOR.validate({**document, "curve": [{"memoryMb": 128}]})
