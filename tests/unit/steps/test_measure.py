"""One batch: processors around it, throttles, tasks that are too short for it, records that are not in the tail."""

from __future__ import annotations

import base64
import io
import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ConnectionClosedError

from tests.unit.steps.conftest import FakeRun
from tests.unit.steps.fakes import client_error
from tuner.aws import failures, invoker
from tuner.aws.invoker import LOG_WAITS_S
from tuner.core.codec import to_json
from tuner.core.errors import (
    BatchUnfinished,
    CloneFailed,
    CloneNotReady,
    InvalidRequest,
    ProcessorFailed,
    ServiceError,
    Throttled,
    TooManyUnmeasured,
)
from tuner.core.function.target import PROCESSOR_TIMEOUT_S
from tuner.core.model import Batch
from tuner.core.request.payloads import MAX_MIX_BYTES
from tuner.core.request.tuning_request import TuningRequest, WeightedPayload
from tuner.core.run.bucket_layout import RECORD
from tuner.core.run.record import observations_of
from tuner.steps.create_clones import create_clones
from tuner.steps.measure import TASK_S, measure
from tuner.steps.run import load_journals, load_payloads, load_record, round_name, save_payloads
from tuner.steps.suggest import _check_trust

BEFORE, AFTER = "arn:aws:lambda:eu-west-1:123456789012:function:before", "arn:aws:lambda:eu-west-1:1:function:after"


def open_batch(run: FakeRun, count: int, *, environments: int = 1, max_parallel: int = 1, timeout_s: int = 10) -> Batch:
    """A planned run with one open batch of so many invocations at today's size."""
    record = run.plan()
    record = replace(
        record,
        problem=replace(record.problem, max_parallel=max_parallel),
        target=replace(record.target, timeout_s=timeout_s),
    )
    run.artifacts.write(RECORD, to_json(record))
    batch = Batch(1, 0, record.problem.current, count, environments, "a test")
    run.artifacts.write(round_name(1), to_json((batch,)))
    create_clones(run.artifacts, run.reader, run.clones, 1)
    return batch


def next_batch(run: FakeRun, first: Batch, **changes: Any) -> Batch:
    """Another batch, in a round of its own."""
    batch = replace(first, round=2, trial=1, **changes)
    run.artifacts.write(round_name(2), to_json((batch,)))
    create_clones(run.artifacts, run.reader, run.clones, 2)
    return batch


def with_request(run: FakeRun, change: Callable[[TuningRequest], TuningRequest]) -> None:
    """Let the run have been asked for something else."""
    record = load_record(run.artifacts)
    run.artifacts.write(RECORD, to_json(replace(record, request=change(record.request))))


def measured(run: FakeRun) -> list[dict[str, Any]]:
    """The journal's invocations."""
    return list(run.artifacts.read("observations/001-0000.json")["observation"]["invocations"])


class Calls:
    """What was invoked with what, and what the processors answer."""

    def __init__(self, run: FakeRun, answers: dict[str, bytes | Exception]) -> None:
        self.seen: list[tuple[str, bytes]] = []
        self._invoke = run.aws.invoke
        self._answers = answers
        run.aws.invoke = self._answer  # type: ignore[method-assign]

    def _answer(self, **arguments: Any) -> dict[str, Any]:
        name, payload = arguments["FunctionName"], arguments["Payload"]
        kind = {BEFORE: "before", AFTER: "after"}.get(name, "function")
        self.seen.append((kind, payload))
        if kind == "function":
            return {**self._invoke(**arguments), "Payload": io.BytesIO(b'{"made": 1}')}
        assert "LogType" not in arguments
        answer = self._answers.get(kind, b"null")
        if isinstance(answer, Exception):
            raise answer
        failed = {"FunctionError": "Unhandled"} if b"errorType" in answer else {}
        return {"Payload": io.BytesIO(answer), "ResponseMetadata": {"RequestId": "p"}, **failed}


@pytest.mark.parametrize(
    ("answer", "payload"), [(b'{"order": 7}', b'{"order": 7}'), (b"null", b"{}"), (b"", b"{}"), (b" null\n", b"{}")]
)
def test_processors_run_around_each_invocation(run: FakeRun, answer: bytes, payload: bytes) -> None:
    """The first one's answer becomes the event unless it is empty; the second one gets the function's answer."""
    batch = open_batch(run, 2)
    with_request(run, lambda request: replace(request, pre_processor_arn=BEFORE, post_processor_arn=AFTER))
    calls = Calls(run, {"before": answer})
    assert run.measure(batch) == 2
    once = [("before", b"{}"), ("function", payload), ("after", b'{"made": 1}')]
    assert calls.seen == once * 2
    assert [row["outcome"] for row in measured(run)] == ["ok", "ok"]


def test_a_processor_that_fails_ends_the_run(run: FakeRun) -> None:
    """Before an invocation: nothing ran, nothing counts. The error has a name of its own, and says which one."""
    batch = open_batch(run, 3)
    with_request(run, lambda request: replace(request, pre_processor_arn=BEFORE))
    calls = Calls(run, {"before": b'{"errorType": "KeyError", "errorMessage": "no table"}'})
    with pytest.raises(ProcessorFailed, match="function:before failed with KeyError: no table"):
        run.measure(batch)
    assert [kind for kind, _ in calls.seen] == ["before"]
    assert measured(run) == []


def test_a_processor_that_fails_afterwards_leaves_the_invocation_measured(run: FakeRun) -> None:
    """The function ran: its cost and its number are kept, and a repeated task does not run it again."""
    batch = open_batch(run, 1)
    with_request(run, lambda request: replace(request, post_processor_arn=AFTER))
    calls = Calls(run, {"after": client_error("ResourceNotFoundException")})
    with pytest.raises(ProcessorFailed, match="does not exist"):
        run.measure(batch)
    assert [row["outcome"] for row in measured(run)] == ["ok"]
    assert run.measure(batch) == 1
    assert [kind for kind, _ in calls.seen] == ["function", "after"]


def throttled_after(count: int) -> Callable[[str, str], None]:
    """Let so many invocations through and throttle all others."""
    seen = 0

    def throttle(call: str, name: str) -> None:
        nonlocal seen
        seen += call == "invoke"
        if call == "invoke" and seen > count:
            raise client_error("TooManyRequestsException", "Rate Exceeded.")

    return throttle


def test_a_throttle_is_waited_for_as_long_as_aws_says(run: FakeRun) -> None:
    """Within the task, by Retry-After; the throttled call is no invocation."""
    batch = open_batch(run, 2)
    answers = iter(
        [
            client_error("TooManyRequestsException", "Rate Exceeded.", retryAfterSeconds="7"),
            client_error("TooManyRequestsException", "Rate Exceeded."),
        ]
    )

    def throttle(call: str, name: str) -> None:
        error = next(answers, None) if call == "invoke" else None
        if error is not None:
            raise error

    run.aws.before = throttle
    assert run.measure(batch) == 2
    assert run.slept == [7.0, 2.0]
    assert [row["outcome"] for row in measured(run)] == ["ok", "ok"]


def refused_with(run: FakeRun, *codes: str, after: int = 0) -> None:
    """Refuse invocations with these errors in turn, once some have got through."""
    answers = iter([None] * after + [client_error(code, "AWS's own words") for code in codes])

    def refuse(call: str, name: str) -> None:
        error = next(answers, None) if call == "invoke" else None
        if error is not None:
            raise error

    run.aws.before = refuse


@pytest.mark.parametrize("code", sorted(invoker.NOT_READY | invoker.NOT_READY_AT_FIRST))
def test_what_is_not_ready_is_waited_for(run: FakeRun, code: str) -> None:
    """Lambda refuses for a moment; nothing ran, nothing is counted, nothing ends."""
    batch = open_batch(run, 1)
    refused_with(run, code, code)
    assert run.measure(batch) == 1
    assert (run.slept, [row["outcome"] for row in measured(run)]) == ([1.0, 2.0], ["ok"])


def test_what_stays_unready_is_left_to_the_state_machine_by_its_name(run: FakeRun) -> None:
    """The task gives up after a minute, and says what AWS said."""
    batch = open_batch(run, 1)
    refused_with(run, *["EFSMountTimeoutException"] * 100)
    with pytest.raises(CloneNotReady, match="EFSMountTimeoutException: AWS's own words"):
        run.measure(batch)
    assert 30 < sum(run.slept) <= 60
    assert measured(run) == []


@pytest.mark.parametrize("code", sorted(invoker.NOT_READY_AT_FIRST))
def test_a_refusal_that_is_no_longer_that_of_a_new_copy_ends_the_run(run: FakeRun, code: str) -> None:
    """A minute at the most, and with the true reason: no state machine waits for it again."""
    batch = open_batch(run, 1)
    refused_with(run, *[code] * 100)
    with pytest.raises(CloneFailed, match=f"{code}: AWS's own words"):
        run.measure(batch)
    assert 30 < sum(run.slept) <= 60


@pytest.mark.parametrize(
    ("code", "error"), [("KMSAccessDeniedException", CloneFailed), ("ResourceNotFoundException", ServiceError)]
)
def test_a_copy_that_was_invoked_before_is_not_new(run: FakeRun, code: str, error: type[Exception]) -> None:
    """Its key or the clone itself was taken away meanwhile: waiting would not bring it back."""
    batch = open_batch(run, 2)
    refused_with(run, code, after=1)
    with pytest.raises(error, match=f"{code}: AWS's own words"):
        run.measure(batch)
    assert (run.slept, len(measured(run))) == ([], 1)


def test_a_copy_of_an_earlier_batch_is_not_new(run: FakeRun) -> None:
    """A batch of a later round goes to the same clone, unless it is to a fresh one."""
    first = open_batch(run, 1)
    run.measure(first)
    batch = next_batch(run, first)
    refused_with(run, "KMSAccessDeniedException")
    with pytest.raises(CloneFailed, match="KMSAccessDeniedException"):
        run.measure(batch)
    assert run.slept == []


def test_a_fresh_copy_at_a_known_size_is_new(run: FakeRun) -> None:
    """What the size's first clone did says nothing about it: its grant takes its time, its environments are its own."""
    first = open_batch(run, 1)
    run.measure(first)
    batch = next_batch(run, first, clone_number=1, purpose="cold_start")
    refused_with(run, "KMSAccessDeniedException")
    assert run.measure(batch) == 1
    assert run.slept
    (row,) = run.artifacts.read("observations/002-0001.json")["observation"]["invocations"]
    assert row["environment"].endswith("-1#1")


@pytest.mark.parametrize("code", sorted(invoker.LASTING - invoker.NOT_READY_AT_FIRST))
def test_what_does_not_pass_is_not_waited_for(run: FakeRun, code: str) -> None:
    """The run ends at once with AWS's reason, and with what to look at."""
    batch = open_batch(run, 1)
    refused_with(run, code)
    with pytest.raises(CloneFailed, match=f"{code}: AWS's own words\nNothing ran"):
        run.measure(batch)
    assert (run.slept, measured(run)) == ([], [])


def test_a_processor_that_is_not_ready_is_waited_for(run: FakeRun) -> None:
    """Its network connection is idle like anybody's."""
    batch = open_batch(run, 1)
    with_request(run, lambda request: replace(request, pre_processor_arn=BEFORE))
    answers = iter([client_error("ResourceNotReadyException")])
    calls = Calls(run, {})
    answer = calls._answer

    def not_yet(**arguments: Any) -> dict[str, Any]:
        error = next(answers, None) if arguments["FunctionName"] == BEFORE else None
        if error is not None:
            raise error
        return answer(**arguments)

    run.aws.invoke = not_yet  # type: ignore[method-assign]
    assert run.measure(batch) == 1
    assert run.slept == [1.0]


OF_THE_REQUEST = {
    # What these calls cannot cause: refused in preflight, or no field of theirs.
    *("DurableExecutionAlreadyStartedException", "InvalidParameterValueException", "InvalidRequestContentException"),
    *("InvalidRuntimeException", "InvalidZipFileException", "ModeNotSupportedException"),
    *("NoPublishedVersionException", "RecursiveInvocationException", "RequestTooLargeException"),
    *("SerializedRequestEntityTooLargeException", "ServiceQuotaExceededException", "UnsupportedMediaTypeException"),
}


def test_every_error_of_invoke_is_known() -> None:
    """One that AWS adds fails here until somebody has thought about whether to wait for it."""
    model = botocore.session.get_session().get_service_model("lambda")
    named = {shape.name for shape in model.operation_model("Invoke").error_shapes}
    waited_for = invoker.NOT_READY | invoker.NOT_READY_AT_FIRST | failures._THROTTLED
    assert named <= waited_for | invoker.LASTING | invoker.RESTORE_FAILED | OF_THE_REQUEST | {"ServiceException"}
    assert named >= (invoker.NOT_READY | invoker.LASTING | invoker.RESTORE_FAILED | OF_THE_REQUEST)


def test_a_throttle_without_end_is_left_to_the_state_machine(run: FakeRun) -> None:
    """What was measured is kept, and what was refused was never counted."""
    batch = open_batch(run, 3)
    run.aws.before = throttled_after(1)
    with pytest.raises(Throttled):
        run.measure(batch)
    assert sum(run.slept) <= 60
    journal = run.artifacts.read("observations/001-0000.json")
    assert (journal["started"], len(journal["observation"]["invocations"]), journal["complete"]) == (1, 1, False)
    run.aws.before = lambda call, name: None
    assert run.measure(batch) == 3


def test_a_throttled_journal_loses_nothing_that_ran(run: FakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    """S3 asks to slow down just when an invocation is to be written: it is written a little later."""
    batch = open_batch(run, 1)
    write, refused = run.s3.put_object, []

    def put_object(**arguments: Any) -> dict[str, Any]:
        if "observations/" in arguments["Key"] and b'"duration_ms"' in arguments["Body"] and not refused:
            refused.append(arguments["Key"])
            raise client_error("SlowDown")
        return write(**arguments)

    monkeypatch.setattr(run.s3, "put_object", put_object)
    assert run.measure(batch) == 1
    assert refused
    assert [row["outcome"] for row in measured(run)] == ["ok"]


def test_what_came_back_of_a_wave_is_kept_when_a_part_was_refused(run: FakeRun) -> None:
    """Of four at once two are throttled for good: two count, and the next task makes the others."""
    batch = open_batch(run, 4, environments=4, max_parallel=4, timeout_s=840)
    run.aws.before = throttled_after(2)
    with pytest.raises(Throttled):
        run.measure(batch)
    assert [row["outcome"] for row in measured(run)] == ["ok", "ok"]
    run.aws.before = lambda call, name: None
    assert run.measure(batch) == 4
    assert [row["outcome"] for row in measured(run)] == ["ok"] * 4


def test_a_batch_that_takes_long_is_split_over_tasks(run: FakeRun) -> None:
    """No invocation begins whose worst case would pass ten minutes; the next task goes on where this one ended."""
    open_batch(run, 5, timeout_s=200)
    time_s = 0.0

    def clock() -> float:
        return time_s

    def takes_its_time(call: str, name: str) -> None:
        nonlocal time_s
        time_s += 150 if call == "invoke" else 0

    run.aws.before = takes_its_time
    counts: list[int] = []
    for _ in range(4):
        before, begun = len(measured(run)) if counts else 0, time_s
        try:
            measure(run.artifacts, run.invoker, 1, 0, sleep=run.slept.append, clock=clock)
        except BatchUnfinished:
            counts.append(len(measured(run)) - before)
            assert time_s - begun <= TASK_S
        else:
            counts.append(len(measured(run)) - before)
            break
    assert counts == [3, 2]


@pytest.mark.parametrize(("timeout_s", "sleep_ms", "processors"), [(840, 0, 0), (500, 60_000, 1), (580, 0, 0)])
def test_a_function_that_may_take_long_gets_one_invocation_a_task(
    run: FakeRun, timeout_s: int, sleep_ms: int, processors: int
) -> None:
    """The pauses, the processors and the looks into the log count into the ten minutes, by their worst case."""
    batch = open_batch(run, 2, timeout_s=timeout_s)
    with_request(
        run,
        lambda request: replace(
            request,
            sleep_between_invocations_ms=sleep_ms,
            pre_processor_arn=BEFORE if processors else None,
        ),
    )
    Calls(run, {})
    with pytest.raises(BatchUnfinished, match="1 of 2"):
        run.measure(batch)
    assert run.measure(batch) == 2
    assert PROCESSOR_TIMEOUT_S == 60


def without_report(run: FakeRun, *, tail: str = "") -> None:
    """Let responses come without their record, which is in the log group."""
    invoke = run.aws.invoke

    def cut(**arguments: Any) -> dict[str, Any]:
        answer = invoke(**arguments)
        run.logs.messages += base64.b64decode(answer["LogResult"]).decode().splitlines(keepends=True)
        return {**answer, "LogResult": base64.b64encode(tail.encode()).decode()}

    run.aws.invoke = cut  # type: ignore[method-assign]


def test_logs_are_asked_page_by_page_and_throttles_waited_for(run: FakeRun) -> None:
    """CloudWatch Logs may answer with an empty page first; a throttle there does not invoke the function again."""
    batch = open_batch(run, 1)
    without_report(run)
    search = run.logs.filter_log_events
    asked: list[dict[str, Any]] = []

    def pages(*, nextToken: str = "", **arguments: Any) -> dict[str, Any]:  # noqa: N803
        asked.append(arguments)
        if len(asked) == 1:
            raise client_error("ThrottlingException", "Rate exceeded")
        return search(**arguments) if nextToken else {"events": [], "nextToken": "more"}

    run.logs.filter_log_events = pages  # type: ignore[method-assign]
    assert run.measure(batch) == 1
    assert [(row["outcome"], row["source"]) for row in measured(run)] == [("ok", "logs")]
    assert run.slept == [1.0, 2.0]
    assert all(row["startTime"] > 1_700_000_000_000 for row in asked)
    assert sum(call == "invoke" for call, _ in run.aws.calls) == 1


@pytest.mark.parametrize(
    "line",
    [
        "INIT_REPORT Init Duration: 10009.77 ms\tPhase: init\tStatus: timeout\n",
        "INIT_REPORT Init Duration: 310.70 ms\tPhase: invoke\n",
    ],
)
def test_an_init_that_ran_again_is_a_cold_start(run: FakeRun, line: str) -> None:
    """Its record has no init: it is inside the duration, which is no warm one."""
    batch = open_batch(run, 2)
    run.aws.cold.clear()
    invoke = run.aws.invoke
    first = [line]

    def again(**arguments: Any) -> dict[str, Any]:
        answer = invoke(**arguments)
        tail = (first.pop() if first else "") + base64.b64decode(answer["LogResult"]).decode()
        return {**answer, "LogResult": base64.b64encode(tail.encode()).decode()}

    run.aws.invoke = again  # type: ignore[method-assign]
    run.measure(batch)
    assert [(row["cold"], row["init_ms"]) for row in measured(run)] == [(True, None), (False, None)]


@pytest.mark.parametrize(
    ("code", "looks"), [("AccessDeniedException", 1), ("InternalFailure", 5), ("ThrottlingException", 5)]
)
def test_a_record_that_may_not_be_looked_up_is_unmeasured(run: FakeRun, code: str, looks: int) -> None:
    """The function ran: its invocation counts, with the reason, and is not lost with the refusal."""
    batch = open_batch(run, 1)
    without_report(run)
    asked = []

    def refuse(**arguments: Any) -> dict[str, Any]:
        asked.append(arguments)
        raise client_error(code, "no")

    run.logs.filter_log_events = refuse  # type: ignore[method-assign]
    assert run.measure(batch) == 1
    (row,) = measured(run)
    assert (row["outcome"], row["source"]) == ("unmeasured", "none")
    assert "logs:FilterLogEvents" in row["error_message"]
    assert len(asked) == looks


class LostAnswers:
    """Lets clones log as Lambda does, and loses the answers of some calls.

    Args:
        run: The run.
        lost: Which calls lose their answers, counted from 0.
        looks: How many looks into the log it takes until a record is there.
    """

    def __init__(self, run: FakeRun, *lost: int, looks: int = 0, status: str = "", says: str = "") -> None:
        self.run, self.lost, self.looks, self.status, self.says = run, lost, looks, status, says
        self._invoke, self._search = run.aws.invoke, run.logs.filter_log_events
        self._counting = threading.Lock()
        self.count = 0
        run.aws.invoke = self.invoke  # type: ignore[method-assign]
        run.logs.filter_log_events = self.search  # type: ignore[method-assign]

    def log(self, name: str, lines: str, *, at_ms: int = 0) -> None:
        """Write lines into a stream of a function."""
        stream = f"2026/11/28/{name}[$LATEST]{len(self.run.logs.streams):032x}"
        at_ms = at_ms or int(time.time() * 1000)
        self.run.logs.streams[stream] = [(at_ms, line) for line in lines.splitlines()]

    def invoke(self, **arguments: Any) -> dict[str, Any]:
        """Answer, or not."""
        answer = self._invoke(**arguments)
        with self._counting:
            number, self.count = self.count, self.count + 1
            lines = base64.b64decode(answer["LogResult"]).decode().replace("\t\n", f"\t{self.status}\n")
            self.log(arguments["FunctionName"], lines.replace("END ", f"{self.says}END ", 1))
        if number in self.lost:
            raise ConnectionClosedError(endpoint_url="https://lambda")
        return answer

    def search(self, **arguments: Any) -> dict[str, Any]:
        """Find no record before its time."""
        found = self._search(**arguments)
        if "logStreamNames" in arguments:
            self.looks -= 1
        if self.looks >= 0:
            found["events"] = [event for event in found["events"] if not event["message"].startswith("REPORT")]
        return found


def test_a_lost_answer_is_found_in_the_log(run: FakeRun) -> None:
    """By the clone's own streams: it is a measured invocation like the others, and says where its number is from."""
    batch = open_batch(run, 3)
    LostAnswers(run, 1)
    assert run.measure(batch) == 3
    rows = measured(run)
    assert [(row["outcome"], row["source"]) for row in rows] == [("ok", "tail"), ("ok", "logs"), ("ok", "tail")]
    assert len({row["request_id"] for row in rows}) == 3
    assert rows[1]["duration_ms"] == rows[0]["duration_ms"]
    assert "answer was lost" in rows[1]["error_message"]
    assert run.slept == [1.0]


def test_an_invocation_that_still_runs_is_waited_for(run: FakeRun) -> None:
    """The connection was cut long before the function's timeout: its record is there when it has ended."""
    batch = open_batch(run, 1, timeout_s=300)
    LostAnswers(run, 0, looks=12)
    assert run.measure(batch) == 1
    assert [(row["outcome"], row["source"]) for row in measured(run)] == [("ok", "logs")]
    assert sum(LOG_WAITS_S) < sum(run.slept) < 300


def test_an_invocation_that_leaves_no_record_is_not_waited_for_beyond_its_time(run: FakeRun) -> None:
    """Its timeout, the margin of a call and what CloudWatch Logs needs; then it is unmeasured."""
    batch = open_batch(run, 1, timeout_s=100)
    LostAnswers(run, 0, looks=10_000)
    assert run.measure(batch) == 1
    assert [(row["outcome"], row["source"]) for row in measured(run)] == [("unmeasured", "none")]
    assert 100 <= sum(run.slept) <= 100 + 15 + sum(LOG_WAITS_S)


def test_an_init_that_ran_again_is_cold_where_the_answer_was_lost_too(run: FakeRun) -> None:
    """Its duration is no warm one, wherever it was read."""
    batch = open_batch(run, 1)
    run.aws.cold.clear()
    LostAnswers(run, 0, says="INIT_REPORT Init Duration: 310.70 ms\tPhase: invoke\n")
    run.measure(batch)
    assert [(row["source"], row["cold"], row["init_ms"]) for row in measured(run)] == [("logs", True, None)]


def test_a_record_is_found_where_the_logs_clock_is_behind_ours(run: FakeRun) -> None:
    """Clocks differ by seconds: the request's id tells whose it is, not the time."""
    batch = open_batch(run, 1)
    without_report(run)
    invoke = run.aws.invoke

    def behind(**arguments: Any) -> dict[str, Any]:
        answer = invoke(**arguments)
        at_ms = int(time.time() * 1000) - 30_000
        run.logs.streams["2026/11/28/clone[1]e"] = [(at_ms, line) for line in run.logs.messages]
        run.logs.messages = []
        return answer

    run.aws.invoke = behind  # type: ignore[method-assign]
    run.measure(batch)
    assert [(row["outcome"], row["source"]) for row in measured(run)] == [("ok", "logs")]


@pytest.mark.parametrize("code", ["ServiceException", "500", "502", "503", "504"])
def test_an_error_of_lambdas_own_may_have_run_and_ends_nothing(run: FakeRun, code: str) -> None:
    """A proxy in between answers with a status alone: the invocation counts, as unmeasured, and the batch goes on."""
    batch = open_batch(run, 2)
    refused_with(run, code)
    assert run.measure(batch) == 2
    assert [row["outcome"] for row in measured(run)] == ["unmeasured", "ok"]
    assert run.artifacts.read("progress.json")["invocations"] == 2


def test_progress_has_the_best_size_so_far(run: FakeRun) -> None:
    """None after the payload check, whose one invocation is cold; then what the samples say."""
    run.plan()
    run.round()
    assert run.artifacts.read("progress.json")["best"] is None
    run.round()
    best = run.artifacts.read("progress.json")["best"]
    assert best["slowestMs"] == pytest.approx(100_000 / best["memoryMb"] + 20, abs=0.01)
    assert best["costPerMillionUsd"] > 0


@pytest.mark.parametrize(("count", "ends"), [(29, True), (30, False)])
def test_more_than_a_tenth_without_a_record_end_the_run(run: FakeRun, count: int, ends: bool) -> None:
    """Three lost records of thirty are bad luck, of twenty-nine too many."""
    batch = open_batch(run, count)
    refused_with(run, *["ServiceException"] * 3, after=2)
    run.measure(batch)
    record = load_record(run.artifacts)
    if ends:
        with pytest.raises(TooManyUnmeasured, match="3 of 29"):
            _check_trust(record, observations_of(load_journals(run.artifacts)))
    else:
        _check_trust(record, observations_of(load_journals(run.artifacts)))


def test_a_mix_goes_on_over_batches(run: FakeRun) -> None:
    """A size is invoked with each event by its weight, however its invocations are split."""
    first = open_batch(run, 1)
    record = load_record(run.artifacts)
    run.artifacts.write(RECORD, to_json(replace(record, problem=replace(record.problem, payload_weights=(0.5, 0.5)))))
    save_payloads(run.artifacts, [WeightedPayload({"number": number}, 0.5) for number in (1, 2)])
    run.measure(first)
    run.measure(next_batch(run, first))
    (row,) = run.artifacts.read("observations/002-0001.json")["observation"]["invocations"]
    assert (measured(run)[0]["payload_index"], row["payload_index"]) == (0, 1)


def test_a_call_that_never_arrived_is_unmeasured(run: FakeRun) -> None:
    """No invocation of this clone began: half a minute is enough to know."""
    batch = open_batch(run, 1)

    def cut(**_: Any) -> dict[str, Any]:
        raise ConnectionClosedError(endpoint_url="https://lambda")

    run.aws.invoke = cut  # type: ignore[method-assign]
    assert run.measure(batch) == 1
    assert [(row["outcome"], row["source"]) for row in measured(run)] == [("unmeasured", "none")]
    assert run.slept == list(LOG_WAITS_S)


@pytest.mark.parametrize(
    ("stream_of", "before_s", "prefix"),
    [("{}0", 0, ""), ("other", 0, ""), ("other-{}", 0, ""), ("{}", 60, ""), ("{}", 0, "printed: ")],
)
def test_nobody_elses_record_is_taken(run: FakeRun, stream_of: str, before_s: int, prefix: str) -> None:
    """Not another clone's, not one from before the call, not a line that the function printed."""
    batch = open_batch(run, 1)
    answers = LostAnswers(run)

    def cut(**arguments: Any) -> dict[str, Any]:
        answers.log(
            stream_of.format(arguments["FunctionName"]),
            f"{prefix}START RequestId: a\nEND RequestId: a\n"
            "REPORT RequestId: a\tDuration: 1.00 ms\tBilled Duration: 1 ms\t",
            at_ms=int(time.time() * 1000) - before_s * 1000,
        )
        raise ConnectionClosedError(endpoint_url="https://lambda")

    run.aws.invoke = cut  # type: ignore[method-assign]
    assert run.measure(batch) == 1
    assert [(row["outcome"], row["source"]) for row in measured(run)] == [("unmeasured", "none")]


def test_a_booked_record_is_not_taken_again(run: FakeRun) -> None:
    """Also where the log's clock is ahead of ours, so that an earlier invocation seems to begin after the call."""
    batch = open_batch(run, 2)
    answers = LostAnswers(run)

    def second_is_cut(**arguments: Any) -> dict[str, Any]:
        if answers.count:
            for stream, lines in run.logs.streams.items():
                run.logs.streams[stream] = [(at_ms + 10_000, line) for at_ms, line in lines]
            raise ConnectionClosedError(endpoint_url="https://lambda")
        return answers.invoke(**arguments)

    run.aws.invoke = second_is_cut  # type: ignore[method-assign]
    assert run.measure(batch) == 2
    assert [(row["outcome"], row["source"]) for row in measured(run)] == [("ok", "tail"), ("unmeasured", "none")]


def test_a_record_that_an_earlier_batch_booked_is_not_taken_again(run: FakeRun) -> None:
    """The same, of a batch of an earlier round at the same clone."""
    first = open_batch(run, 1)
    answers = LostAnswers(run)
    run.measure(first)
    batch = next_batch(run, first)

    def cut(**_: Any) -> dict[str, Any]:
        for stream, lines in run.logs.streams.items():
            run.logs.streams[stream] = [(at_ms + 10_000, line) for at_ms, line in lines]
        raise ConnectionClosedError(endpoint_url="https://lambda")

    run.aws.invoke = cut  # type: ignore[method-assign]
    assert (answers.count, run.measure(batch)) == (1, 1)
    (row,) = run.artifacts.read("observations/002-0001.json")["observation"]["invocations"]
    assert (row["outcome"], row["source"]) == ("unmeasured", "none")


def every_invocation_fails(run: FakeRun, *, says: str, error: str = "no") -> None:
    """Let the function raise each time, and log a line before."""
    invoke = run.aws.invoke

    def fails(**arguments: Any) -> dict[str, Any]:
        answer = invoke(**arguments)
        tail = f"{says}\n".encode() + base64.b64decode(answer["LogResult"])
        body = io.BytesIO(json.dumps({"errorType": "ValueError", "errorMessage": error}).encode())
        return {**answer, "FunctionError": "Unhandled", "LogResult": base64.b64encode(tail).decode(), "Payload": body}

    run.aws.invoke = fails  # type: ignore[method-assign]


@pytest.mark.parametrize("error", ["the child got signal: killed", "Task timed out after 3.00 seconds"])
def test_what_a_function_says_in_its_own_error_is_not_taken_for_lambdas(run: FakeRun, error: str) -> None:
    """An exception of the function's own type is its failure, and no lack of memory or time at this size."""
    batch = open_batch(run, 1)
    every_invocation_fails(run, says="no", error=error)
    run.measure(batch)
    assert [row["outcome"] for row in measured(run)] == ["function_error"]


def test_a_size_that_fails_is_not_invoked_again(run: FakeRun) -> None:
    """The first failure is a fact about the size: the rest of the batch would cost money and only repeat it."""
    batch = open_batch(run, 3)
    every_invocation_fails(run, says="no")
    assert run.measure(batch) == 1
    assert [row["outcome"] for row in measured(run)] == ["function_error"]


def test_the_pause_is_between_invocations(run: FakeRun) -> None:
    """Neither before the first nor after the last."""
    batch = open_batch(run, 3)
    with_request(run, lambda request: replace(request, sleep_between_invocations_ms=1_500))
    run.measure(batch)
    assert run.slept == [1.5, 1.5]


def test_a_wave_counts_no_environment_that_never_started(run: FakeRun) -> None:
    """Four calls at once land on the three environments that have started, whichever is on which."""
    batch = open_batch(run, 8, environments=4, max_parallel=4)
    run.measure(batch)
    rows = measured(run)
    started = {row["environment"] for row in rows if row["cold"]}
    assert (len(started), {row["environment"] for row in rows[4:]}) == (3, started)


@pytest.mark.parametrize(
    ("where", "asked", "kept"), [("aws", False, False), ("aws", True, True), ("local", False, True)]
)
def test_what_a_failed_invocation_logged_is_kept_only_where_that_was_asked(
    run: FakeRun, where: str, asked: bool, kept: bool
) -> None:
    """Logs may hold secrets: in an account they come into the bucket by includeLogTail alone."""
    batch = open_batch(run, 1)
    record = replace(load_record(run.artifacts), where=where)  # type: ignore[arg-type]
    run.artifacts.write(RECORD, to_json(record))
    with_request(run, lambda request: replace(request, include_log_tail=asked))
    every_invocation_fails(run, says="card 4111")
    run.measure(batch)
    assert measured(run)[0]["log_tail"] == (["card 4111"] if kept else [])
    assert any(b"4111" in body for body in run.s3.objects.values()) == kept


def test_of_calls_at_once_each_keeps_its_own_record(run: FakeRun) -> None:
    """Two of four answers came: the records of the others are what is left, and no record counts twice."""
    batch = open_batch(run, 4, environments=4, max_parallel=4)
    LostAnswers(run, 0, 2)
    assert run.measure(batch) == 4
    rows = measured(run)
    assert sorted(row["source"] for row in rows) == ["logs", "logs", "tail", "tail"]
    assert len({row["request_id"] for row in rows}) == 4


def test_more_invocations_than_calls_are_nobodys(run: FakeRun) -> None:
    """Somebody else invokes the clone too: which record is ours is not known, so none is."""
    batch = open_batch(run, 1)
    answers = LostAnswers(run, 0)
    invoke = answers.invoke

    def twice(**arguments: Any) -> dict[str, Any]:
        answers.log(arguments["FunctionName"], "START RequestId: theirs")
        return invoke(**arguments)

    run.aws.invoke = twice  # type: ignore[method-assign]
    assert run.measure(batch) == 1
    assert [(row["outcome"], row["source"]) for row in measured(run)] == [("unmeasured", "none")]


def test_records_of_different_payloads_are_not_confused(run: FakeRun) -> None:
    """Two answers lost at once, of two events: which record belongs to which event is not known."""
    batch = open_batch(run, 2, environments=2, max_parallel=2)
    record = load_record(run.artifacts)
    run.artifacts.write(RECORD, to_json(replace(record, problem=replace(record.problem, payload_weights=(0.5, 0.5)))))
    save_payloads(run.artifacts, [WeightedPayload({"number": number}, 0.5) for number in (1, 2)])
    LostAnswers(run, 0, 1)
    assert run.measure(batch) == 2
    assert [(row["outcome"], row["payload_index"]) for row in measured(run)] == [("unmeasured", 0), ("unmeasured", 1)]


@pytest.mark.parametrize(
    ("status", "says", "outcome"),
    [
        ("Status: timeout", "", "timeout"),
        ("Status: error\tError Type: Runtime.OutOfMemory", "", "out_of_memory"),
        ("Status: error\tError Type: Runtime.ExitError", "", "function_error"),
        ("", "[ERROR] KeyError: 'id'\n", "function_error"),
        ("", "2026-11-28T03:00:00.000Z\t8d59\tERROR\tInvoke Error \t{}\n", "function_error"),
        ("", "[ERROR]\t2026-11-28T03:00:00.000Z\t8d59\tonly logged\n", "ok"),
    ],
)
def test_how_an_invocation_ended_is_read_from_its_log(run: FakeRun, status: str, says: str, outcome: str) -> None:
    """A failure whose answer was lost is a failure; a message that the handler logged itself is none."""
    batch = open_batch(run, 1)
    LostAnswers(run, 0, status=status, says=says)
    run.measure(batch)
    assert [(row["outcome"], row["source"]) for row in measured(run)] == [(outcome, "logs")]


def test_a_lost_answer_that_may_not_be_looked_up_is_unmeasured(run: FakeRun) -> None:
    """One look, and no error that would lose the invocation from the books."""
    batch = open_batch(run, 1)
    LostAnswers(run, 0)

    def refuse(**_: Any) -> dict[str, Any]:
        raise client_error("AccessDeniedException", "no")

    run.logs.filter_log_events = refuse  # type: ignore[method-assign]
    assert run.measure(batch) == 1
    assert [row["outcome"] for row in measured(run)] == ["unmeasured"]
    assert run.slept == [1.0]


@pytest.mark.parametrize(
    ("reserved", "unreserved", "batches", "per_batch"), [(None, 1_000, 5, 5), (None, 10, 1, 1), (1, 1_000, 1, 1)]
)
def test_a_run_takes_a_tenth_of_the_free_concurrency(
    run: FakeRun, reserved: int | None, unreserved: int, batches: int, per_batch: int
) -> None:
    """The function's own reserve, else what the account's functions share."""
    run.aws.functions["theirs"]["_reserved"] = reserved
    run.aws.unreserved = unreserved
    record = run.plan(parallelInvocation=True)
    assert (record.parallel_batches, record.problem.max_parallel) == (batches, per_batch)


def test_free_concurrency_that_may_not_be_read_is_not_used(run: FakeRun) -> None:
    """The run goes on with one invocation of a size at a time."""

    def refuse(call: str, name: str) -> None:
        if call == "get_account_settings":
            raise client_error("AccessDeniedException", "no")

    run.aws.before = refuse
    record = run.plan(parallelInvocation=True)
    assert (record.parallel_batches, record.problem.max_parallel) == (5, 1)


def test_only_the_payload_in_use_is_held(run: FakeRun) -> None:
    """Of a mix, each event is read by itself, once while it is the next one too, and sent as it was given."""
    events = [{"text": "é" * 9}, [1, 2], "plain"]
    run.plan(payload=[{"payload": event, "weight": 1} for event in events])
    parts: list[str] = []
    get_object = run.s3.get_object

    def noted(**request: Any) -> dict[str, Any]:
        parts.append(request.get("Range", "whole")) if request["Key"].endswith("/payloads.json") else None
        return get_object(**request)

    run.s3.get_object = noted  # type: ignore[method-assign]
    read = load_payloads(run.artifacts)
    assert [json.loads(read(index)) for index in (0, 0, 1, 2)] == [events[0], *events]
    assert len(parts) == 3
    assert "whole" not in parts


def test_an_object_of_events_that_plan_cannot_hold_is_refused(run: FakeRun) -> None:
    """By its size, before it is parsed, and without all of it being read."""
    run.s3.objects["payloads/mix.json"] = b" " * (MAX_MIX_BYTES + 2)
    with pytest.raises(InvalidRequest, match="larger than 33,554,432 bytes"):
        run.plan(payloadS3="s3://bucket/payloads/mix.json")
