"""Following a run, and Ctrl-C that never leaves anything behind."""

from __future__ import annotations

import os
import signal

import pytest

from tests.unit.cli.fakes import RUNNING, RecordingSink, ScriptedRuns
from tuner.cli.follow import EmbeddedAwsEnded, Interrupts, caught_interrupts, follow
from tuner.cli.runs import ExecutionStatus
from tuner.core.errors import PermissionDenied, ServiceError, Throttled

DONE = ExecutionStatus("SUCCEEDED", output={"verdict": "GOAL_MET"})


def test_a_run_is_followed_to_its_end() -> None:
    """Progress and states are shown as they come, and the end is given back."""
    runs = ScriptedRuns([RUNNING, RUNNING, DONE], progresses=[{"round": 1}, {"round": 2}], states=["Plan", "Report"])
    sink = RecordingSink()
    end = follow(runs, "run", sink, Interrupts(), poll_s=0, show_states=True)
    assert (end.status, end.interrupted) == (DONE, False)
    assert [update["round"] for update in sink.updates] == [1, 2]
    assert sink.states == ["Plan", "Report"]
    assert (runs.asked_to_end, runs.stopped, runs.restores) == (0, 0, 0)


def test_the_first_interrupt_asks_the_run_to_end_and_waits() -> None:
    """One Ctrl-C stops nothing by force: the run ends by itself."""
    interrupts = Interrupts()
    runs = ScriptedRuns([RUNNING, RUNNING, RUNNING, DONE])
    runs.on_status = lambda question: interrupts.interrupt() if question == 1 else None
    sink = RecordingSink()
    end = follow(runs, "run", sink, interrupts, poll_s=0)
    assert (end.status, end.interrupted) == (DONE, True)
    assert (runs.asked_to_end, runs.stopped, runs.restores) == (1, 0, 0)
    assert "Asked the run to end" in sink.sentences[0]


def test_the_second_interrupt_stops_and_restores() -> None:
    """A second Ctrl-C stops the execution and waits until what it made is removed."""
    interrupts = Interrupts()
    runs = ScriptedRuns([RUNNING], restore_statuses=[RUNNING, ExecutionStatus("SUCCEEDED")])
    runs.on_status = lambda question: interrupts.interrupt() if question <= 2 else None
    sink = RecordingSink()
    end = follow(runs, "run", sink, interrupts, poll_s=0)
    assert (end.status.state, end.interrupted) == ("ABORTED", True)
    assert (runs.asked_to_end, runs.stopped, runs.restores) == (1, 1, 1)
    assert sink.sentences[-1] == "Everything that the run made has been removed."


def test_two_interrupts_at_once_count_as_two() -> None:
    """Impatience between two questions is not lost."""
    interrupts = Interrupts()
    runs = ScriptedRuns([RUNNING])

    def twice_at_once(question: int) -> None:
        if question == 1:
            interrupts.interrupt()
            interrupts.interrupt()

    runs.on_status = twice_at_once
    end = follow(runs, "run", RecordingSink(), interrupts, poll_s=0)
    assert end.interrupted
    assert (runs.asked_to_end, runs.stopped, runs.restores) == (1, 1, 1)


def test_a_dead_embedded_aws_is_said_to_be_dead() -> None:
    """When the server is gone the run is over: it is said at the first question that fails, also after a restart."""
    for failure in (ServiceError("no answer"), ServiceError("ExecutionDoesNotExist")):
        runs = ScriptedRuns([RUNNING], failures=[failure] * 100, ended=True)
        sink = RecordingSink()
        with pytest.raises(EmbeddedAwsEnded, match="has ended, and the run run-1 with it") as told:
            follow(runs, "run-1", sink, Interrupts(), poll_s=0)
        assert "report run-1" in told.value.hint
        assert (runs.questions, sink.sentences) == (1, [])


@pytest.mark.parametrize("cause", ["no permission", "no permission.\nReport: s3://bucket/runs/run/report.html"])
def test_a_restore_that_fails_is_said_to_have(cause: str) -> None:
    """A failed removal is never passed over; the sweeper is named, and the address of the report is told elsewhere."""
    interrupts = Interrupts(count=2)
    runs = ScriptedRuns([RUNNING], restore_statuses=[ExecutionStatus("FAILED", cause=cause)])
    sink = RecordingSink()
    follow(runs, "run", sink, interrupts, poll_s=0)
    assert sink.sentences[-1] == (
        "The removal ended as FAILED: no permission. The sweeper tries again on its schedule and before the next run."
    )


def test_waiting_for_a_restore_is_bounded() -> None:
    """A restore that never ends does not hold the user for ever."""
    seconds = iter(range(0, 10_000, 100))
    runs = ScriptedRuns([RUNNING], restore_statuses=[RUNNING])
    sink = RecordingSink()
    follow(runs, "run", sink, Interrupts(count=2), poll_s=0, clock=lambda: float(next(seconds)))
    assert "sweeper" in sink.sentences[-1]


def test_a_question_without_an_answer_is_asked_again() -> None:
    """A network that fails for a moment ends neither the run nor the following."""
    runs = ScriptedRuns([RUNNING, DONE], failures=[ServiceError("no answer"), Throttled("slow down")])
    sink = RecordingSink()
    assert follow(runs, "run", sink, Interrupts(), poll_s=0).status == DONE
    assert sink.sentences == ["no answer Asking again."]


def test_questions_that_are_never_answered_end_the_following() -> None:
    """After many failures in a row, or where it is not allowed, the command ends and says that the run goes on."""
    for failures in ([ServiceError("no answer")] * 30, [PermissionDenied("no")]):
        runs = ScriptedRuns([RUNNING], failures=list(failures))
        with pytest.raises(type(failures[0])) as caught:
            follow(runs, "run", RecordingSink(), Interrupts(), poll_s=0)
        assert "continues without this command" in caught.value.hint


def test_without_permission_to_read_progress_the_run_is_followed_all_the_same() -> None:
    """Who may not read the bucket still sees the end; it is said once."""
    runs = ScriptedRuns([RUNNING, RUNNING, DONE], progress_failure=PermissionDenied("may not read"))
    sink = RecordingSink()
    assert follow(runs, "run", sink, Interrupts(), poll_s=0).status == DONE
    assert sink.sentences == ["No live progress: may not read"]


def test_a_signal_is_counted_and_the_old_handler_comes_back() -> None:
    """SIGINT and SIGTERM are counted inside the block, and mean what they meant before after it."""
    before = signal.getsignal(signal.SIGINT)
    with caught_interrupts() as interrupts:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
        interrupts.wait(1)
        assert interrupts.count == 2
    assert signal.getsignal(signal.SIGINT) is before
