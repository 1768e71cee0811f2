"""The state machines end, retry by name, clean up on every path, and carry little."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.infrastructure.deployed import MACHINES, ROOT, definition, states
from tuner.core import errors
from tuner.steps.measure import TASK_S

TRANSIENT = {
    # "Handle Lambda service exceptions", Step Functions Developer Guide, seen 2026-11-28: these four, and the fifth is
    # what it calls the answer at the maximum number of invocations.
    "Lambda.AWSLambdaException",
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.SdkClientException",
    "Lambda.ServiceException",
    "Lambda.TooManyRequestsException",
}
NOT_STARTED = {
    # The guide's page on nested executions writes the first, its page on errors puts "Exception" behind such names. A
    # throttle is no modelled error of StartExecution: SDKs for Java report what they have no class for by the base
    # class of the service, version 1's (seen in definitions of others, with this prefix) or version 2's (assumed).
    "StepFunctions.ExecutionLimitExceeded",
    "StepFunctions.ExecutionLimitExceededException",
    "StepFunctions.ThrottlingException",
    "StepFunctions.AWSStepFunctionsException",
    "StepFunctions.SfnException",
}
AWS_ERRORS = TRANSIENT | NOT_STARTED
OUR_ERRORS = {
    name for name, each in vars(errors).items() if isinstance(each, type) and issubclass(each, errors.TunerError)
}
RETRYABLE = {each.__name__ for each in errors.RetryableError.__subclasses__()}
STARTS_A_RUN = "startExecution.sync:2"


def tasks(machine: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give every Task of a machine by name."""
    return ((name, state) for name, state in states(definition(machine)) if state["Type"] == "Task")


def next_names(state: dict[str, Any], *, caught: bool) -> set[str]:
    """Give the names of the states that may follow, those after an error too where *caught*."""
    found = {state.get("Next"), state.get("Default"), *(choice["Next"] for choice in state.get("Choices", ()))}
    if caught:
        found |= {catcher["Next"] for catcher in state.get("Catch", ())}
    return {name for name in found if name}


def reachable(machine: str, start: str, *, without: str) -> set[str]:
    """Give the states that can be reached from one, never passing through another."""
    all_states = definition(machine)["States"]
    found: set[str] = set()
    waiting = {start} - {without}
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting |= next_names(all_states[name], caught=True) - found - {without}
    return found


def test_definitions_have_no_loose_ends() -> None:
    """Statelint finds nothing in any of the three."""
    ended = subprocess.run(
        [sys.executable, ROOT / "scripts" / "check-state-machines"], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (0, "")


@pytest.mark.parametrize("machine", MACHINES)
def test_nothing_runs_for_ever(machine: str) -> None:
    """The machine has a time limit, and so has each of its tasks, a shorter one."""
    limit_s = definition(machine)["TimeoutSeconds"]
    for name, task in tasks(machine):
        assert 0 < task["TimeoutSeconds"] < limit_s, name


@pytest.mark.parametrize("machine", MACHINES)
def test_retries_name_their_errors(machine: str) -> None:
    """Every task is retried, by errors that exist, and never by a name that would repeat a user's failure."""
    for name, task in tasks(machine):
        retried = {each for retrier in task["Retry"] for each in retrier["ErrorEquals"]}
        assert retried <= AWS_ERRORS | RETRYABLE, name
        for retrier in task["Retry"]:
            assert retrier["IntervalSeconds"] >= 1
            assert retrier["MaxDelaySeconds"] <= 120
            assert retrier["MaxAttempts"] <= 90


@pytest.mark.parametrize("machine", MACHINES)
def test_throttles_are_waited_for(machine: str) -> None:
    """Each of our steps is repeated when AWS asked to slow down."""
    for name, task in tasks(machine):
        if STARTS_A_RUN not in task["Resource"]:
            retried = {each for retrier in task["Retry"] for each in retrier["ErrorEquals"]}
            assert retried >= {"Throttled"}, name


def test_every_step_has_the_same_list_of_transient_errors() -> None:
    """AWS's own, complete, with the same waits in all three machines."""
    lists = {
        f"{machine}.{name}": [one for one in task["Retry"] if TRANSIENT & set(one["ErrorEquals"])]
        for machine in MACHINES
        for name, task in tasks(machine)
        if STARTS_A_RUN not in task["Resource"]
    }
    expected = lists["tune.Plan"]
    assert [set(one["ErrorEquals"]) for one in expected] == [TRANSIENT | {"Throttled"}]
    assert {name for name, found in lists.items() if found != expected} == set()


def test_every_retryable_error_is_retried() -> None:
    """What errors.py says may succeed later is tried later by some state."""
    retried = {each for _, task in tasks("tune") for retrier in task["Retry"] for each in retrier["ErrorEquals"]}
    assert retried >= RETRYABLE


def test_waiting_for_a_clone_outlasts_its_making() -> None:
    """CreateClones is called again for at least 15 minutes: as long as Lambda may take for a SnapStart version."""
    (retrier,) = (
        one for one in dict(tasks("tune"))["CreateClones"]["Retry"] if one["ErrorEquals"] == ["CloneNotReady"]
    )
    waits_s = (
        min(retrier["IntervalSeconds"] * retrier["BackoffRate"] ** attempt, retrier["MaxDelaySeconds"])
        for attempt in range(retrier["MaxAttempts"])
    )
    assert sum(waits_s) >= 15 * 60


@pytest.mark.parametrize(
    ("machine", "name"), [("tune", "Restore"), ("tune", "RestoreAfterFailure"), ("restore", "Restore")]
)
def test_removing_a_clone_outlasts_its_making(machine: str, name: str) -> None:
    """What is aborted while a SnapStart version is made can be removed afterwards: Restore is called again as long."""
    (retrier,) = (one for one in dict(tasks(machine))[name]["Retry"] if "CloneNotReady" in one["ErrorEquals"])
    waits_s = (
        min(retrier["IntervalSeconds"] * retrier["BackoffRate"] ** attempt, retrier["MaxDelaySeconds"])
        for attempt in range(retrier["MaxAttempts"])
    )
    assert 15 * 60 <= sum(waits_s) < definition(machine)["TimeoutSeconds"]


def test_measuring_waits_for_what_cannot_be_invoked_yet() -> None:
    """A temporary function that refuses an invocation because it is not ready ends no run: Measure is called again."""
    retried = {each for retrier in dict(tasks("tune"))["Measure"]["Retry"] for each in retrier["ErrorEquals"]}
    assert retried >= {"BatchUnfinished", "CloneNotReady", "Throttled"}


def test_a_batch_may_take_as_many_tasks_as_a_run_has_time_for() -> None:
    """Measure stops in time and is called again: the machine's own time ends a run, not the number of those calls."""
    (retrier,) = (one for one in dict(tasks("tune"))["Measure"]["Retry"] if "BatchUnfinished" in one["ErrorEquals"])
    assert retrier["MaxAttempts"] * TASK_S >= definition("tune")["TimeoutSeconds"]


def test_what_is_not_ready_gets_the_patience_of_a_throttle() -> None:
    """As many more tasks, each of which waits for a minute itself; then the run ends and says what is not ready."""
    lists = dict(tasks("tune"))["Measure"]["Retry"]
    attempts = {error: one["MaxAttempts"] for one in lists for error in one["ErrorEquals"]}
    assert attempts["CloneNotReady"] == attempts["Throttled"]


@pytest.mark.parametrize("machine", MACHINES)
def test_caught_and_chosen_errors_exist(machine: str) -> None:
    """A Catch names everything, or an error that exists."""
    for name, state in states(definition(machine)):
        for catcher in state.get("Catch", ()):
            assert set(catcher["ErrorEquals"]) <= {"States.ALL"} | OUR_ERRORS, name


def test_every_failure_of_tune_is_caught() -> None:
    """Each state that can fail hands its failure on; only the last steps of a failed run have nowhere else to go."""
    for name, state in definition("tune")["States"].items():
        if state["Type"] in {"Task", "Map"}:
            first = [["CodeGone"]] if name == "CreateClones" else []
            assert [catcher["ErrorEquals"] for catcher in state["Catch"]] == [*first, ["States.ALL"]], name


def test_a_package_that_vanished_is_copied_again() -> None:
    """The run goes back to CopyCode, which alone may write it, and from there to the same round."""
    assert definition("tune")["States"]["CreateClones"]["Catch"][0] == {
        "ErrorEquals": ["CodeGone"],
        "ResultPath": None,
        "Next": "CopyCode",
    }


@pytest.mark.parametrize("name", sorted(definition("tune")["States"].keys()))
def test_every_failed_run_is_restored_first(name: str) -> None:
    """There is no way from any state to Failed but through RestoreAfterFailure."""
    if name not in {"RestoreAfterFailure", "ReportFailure", "Failed"}:
        assert "Failed" not in reachable("tune", name, without="RestoreAfterFailure")


def test_every_successful_run_is_restored_first() -> None:
    """There is no way from the start to Report but through Restore."""
    assert "Report" not in reachable("tune", "Plan", without="Restore")
    assert [name for name, state in definition("tune")["States"].items() if state.get("End")] == ["Report"]


def test_a_failed_run_says_why() -> None:
    """A failed execution ends with the name and the sentence that were found, or with a fixed sentence."""
    all_states = definition("tune")["States"]
    assert all_states["Failed"] == {"Type": "Fail", "ErrorPath": "$.explained.name", "CausePath": "$.explained.cause"}
    assert all_states["ExplainFailure"]["ResultPath"] == all_states["UseFixedSentence"]["ResultPath"] == "$.explained"
    assert all_states["ExplainFailure"]["Catch"][0]["Next"] == "UseFixedSentence"
    assert all_states["UseFixedSentence"]["Parameters"].keys() == {"name.$", "cause"}
    assert "report.html" in all_states["UseFixedSentence"]["Parameters"]["cause"]


def test_why_undoing_failed_is_not_told_as_why_the_run_did() -> None:
    """Report takes ``failure`` for the run's own; ``restore`` hands it the run's id and a status alone."""
    reports = [task for _, task in tasks("restore") if task["Resource"] == "${ReportFunctionArn}"]
    assert len(reports) == 2
    for task in reports:
        assert task["Parameters"].keys() == {"runId.$", "status.$"}


def test_the_request_is_seen_by_plan_alone() -> None:
    """The payload is in the history's first event; no state after Plan gets it, also not after a failure."""
    plan = definition("tune")["States"]["Plan"]
    assert "ResultPath" not in plan
    assert plan["Catch"][0]["ResultPath"] == "$"
    for name, task in tasks("tune"):
        if name != "Plan":
            assert "$" not in task.get("Parameters", {}).values(), name


def test_state_stays_small() -> None:
    """Results of steps are dropped, but for the batches to measure, the failure's wording and the output."""
    kept = {
        name: state.get("ResultPath", "$")
        for name, state in definition("tune")["States"].items()
        if state["Type"] in {"Task", "Map"} and state.get("ResultPath", "$") is not None
    }
    assert kept == {"Plan": "$", "Suggest": "$.suggestion", "ExplainFailure": "$.explained", "Report": "$"}


@pytest.mark.parametrize("machine", ["tune"])
def test_steps_get_the_run_id_from_the_execution(machine: str) -> None:
    """The run's id is the execution's name: no state can carry another."""
    for name, task in tasks(machine):
        if name != "Measure":  # its Map hands it on
            assert task["Parameters"]["runId.$"] == "$$.Execution.Name", name
    assert definition(machine)["States"]["MeasureBatches"]["ItemSelector"]["runId.$"] == "$$.Execution.Name"


def test_the_search_loop_is_bounded_by_the_machine() -> None:
    """After a hundred rounds the run settles with what it has, whatever the search says."""
    choices = definition("tune")["States"]["SeenEnough"]["Choices"]
    (limit,) = (choice for choice in choices if choice["Variable"] == "$.suggestion.round")
    assert (limit["NumericGreaterThan"], limit["Next"]) == (100, "Recommend")


def test_measuring_is_bounded_in_parallel() -> None:
    """At most five batches are measured at once, and three functions tuned."""
    assert definition("tune")["States"]["MeasureBatches"]["MaxConcurrencyPath"] == "$.parallelBatches"
    assert definition("nightly")["States"]["TuneFleet"]["MaxConcurrency"] == 3


def test_restore_takes_a_run_id_with_or_without_a_status() -> None:
    """What is absent is filled in, and the report step gets the status that the restore step believes."""
    all_states = definition("restore")["States"]
    assert all_states["Input"]["Parameters"]["default"] == {"runId": None, "status": "UNKNOWN"}
    assert all_states["Restore"]["Parameters"] == {"runId.$": "$.runId", "status.$": "$.status"}
    assert all_states["Report"]["Parameters"]["status.$"] == f"{all_states['Restore']['ResultPath']}.status"


def test_nothing_is_written_of_a_run_that_never_was() -> None:
    """RunNotFound leads past every report to an end with a fixed sentence."""
    all_states = definition("restore")["States"]
    first = all_states["Restore"]["Catch"][0]
    assert (first["ErrorEquals"], first["Next"]) == (["RunNotFound"], "NoSuchRun")
    assert (all_states["NoSuchRun"]["Type"], all_states["NoSuchRun"]["Error"]) == ("Fail", "RunNotFound")


def test_restore_says_when_it_could_not() -> None:
    """A restore that left something ends FAILED, after it has said so in the report."""
    all_states = definition("restore")["States"]
    assert "ReportUnrestored" not in reachable("restore", "Restore", without="ExplainFailure")
    assert next_names(all_states["ReportUnrestored"], caught=True) == {"NotRestored"}
    assert "NotRestored" not in reachable("restore", "Restore", without="ReportUnrestored")
    assert all_states["NotRestored"]["Type"] == "Fail"


@pytest.mark.parametrize(("machine", "end"), [("tune", "Failed"), ("restore", "NotRestored")])
def test_a_failed_execution_ends_with_a_sentence(machine: str, end: str) -> None:
    """The cause is the wording of ExplainFailure or a fixed sentence, never a handler's JSON."""
    all_states = definition(machine)["States"]
    assert (all_states[end]["ErrorPath"], all_states[end]["CausePath"]) == ("$.explained.name", "$.explained.cause")
    assert all_states["ExplainFailure"]["ResultPath"] == all_states["UseFixedSentence"]["ResultPath"] == "$.explained"
    assert all_states["ExplainFailure"]["Catch"][0]["Next"] == "UseFixedSentence"


@pytest.mark.parametrize("machine", ["tune", "restore"])
def test_restoring_waits_for_what_is_just_being_made(machine: str) -> None:
    """A temporary function cannot be deleted while it is pending: each restore is called again for minutes.

    So it is where others kept writing the proof: nothing of a run with an answer is wrong then.
    """
    restores = [task for _, task in tasks(machine) if task["Resource"] == "${RestoreFunctionArn}"]
    assert restores
    for task in restores:
        (retrier,) = (one for one in task["Retry"] if "CloneNotReady" in one["ErrorEquals"])
        assert "ChangedMeanwhile" in retrier["ErrorEquals"], "two that restore at once write the same proof"
        waits_s = (
            min(retrier["IntervalSeconds"] * retrier["BackoffRate"] ** attempt, retrier["MaxDelaySeconds"])
            for attempt in range(retrier["MaxAttempts"])
        )
        assert sum(waits_s) >= 5 * 60


def test_restore_keeps_the_reason_why_the_run_ended() -> None:
    """What fails while a run is undone is told by that execution, and never in the place of the run's own failure."""
    assert definition("restore")["States"]["ExplainFailure"]["Parameters"]["keep"] is False
    assert "keep" not in definition("tune")["States"]["ExplainFailure"]["Parameters"]


def test_one_functions_failure_is_not_anothers() -> None:
    """Inside the nightly Map every failure is caught and ends the item well, with the same four fields."""
    inner = definition("nightly")["States"]["TuneFleet"]["ItemProcessor"]["States"]
    assert inner["TuneOne"]["Catch"][0]["ErrorEquals"] == ["States.ALL"]
    assert not [name for name, state in inner.items() if state["Type"] == "Fail"]
    ends = {name: state for name, state in inner.items() if state.get("End") and name != "TuneOne"}
    for name, state in ends.items():
        fields = {field.removesuffix(".$") for field in state["Parameters"]}
        assert fields == {"name", "functionName", "error", "cause"}, name


def test_a_night_starts_each_run_once() -> None:
    """Only a start that AWS refused is repeated: a run that failed is an answer."""
    task = dict(tasks("nightly"))["TuneOne"]
    retried = {each for retrier in task["Retry"] for each in retrier["ErrorEquals"]}
    assert retried == NOT_STARTED
    assert task["Parameters"]["Name.$"] == "$.name"


def test_a_night_outlasts_a_run() -> None:
    """The task that follows a run has a longer limit than the run."""
    assert dict(tasks("nightly"))["TuneOne"]["TimeoutSeconds"] > definition("tune")["TimeoutSeconds"]


def test_a_night_keeps_little_of_each_run() -> None:
    """Single values of the output, and no dates: a hundred functions fit into the state's 256 KB many times."""
    selector = dict(tasks("nightly"))["TuneOne"]["ResultSelector"]
    assert "Date" not in json.dumps(selector)
    assert "$.Output" not in selector.values()
    assert all(path.startswith(("$.Output.", "$.Name")) for path in selector.values())
