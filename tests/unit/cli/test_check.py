"""What ``check`` finds wrong with today's configuration, and the exit codes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, cast

import pytest

from tests.unit.report import documents
from tuner.cli.check import exit_code_of, judge_with
from tuner.cli.execute import Presentation, check_fields, show_end
from tuner.cli.failures import UsageProblem
from tuner.cli.follow import RunEnd
from tuner.cli.runs import ExecutionStatus, Runs
from tuner.core.answer.codec import execution_output
from tuner.core.answer.report import Answer, RunReport


def codes(report: RunReport, limit_usd: float | None = None) -> list[int]:
    """The exit codes of everything found, the worst first."""
    return [finding.code for finding in judge_with(limit_usd)(report)]


def met(saving_ratio: float, goal_probability: float | None = 0.99) -> Answer:
    """A run whose goal is met, with today's size at some probability and the pick at some saving."""
    changes = {"savingRatio": saving_ratio, "current.goalProbability": goal_probability}
    return documents.decided(documents.changed(documents.goal_met(), changes))


def test_a_cheaper_size_is_found() -> None:
    """10: another size is cheaper by more than the tolerance."""
    assert codes(met(0.4)) == [10]
    assert "40% cheaper than today's" in judge_with(None)(met(0.4))[0].sentence


def test_what_lies_within_the_tolerance_is_right() -> None:
    """A saving that the run itself calls good enough is none to stop at."""
    assert codes(met(documents.goal_met().request["tolerance"])) == []


def test_today_may_miss_the_goal() -> None:
    """11: today's size misses the goal and another meets it, be it more expensive or cheaper; both is one sentence."""
    assert codes(met(-0.2, 0.05)) == [11]
    assert codes(met(0.4, 0.05)) == [11]
    assert judge_with(None)(met(0.4, 0.05))[0].sentence == (
        "Today's 3,008 MB arm64 meets the goal with a probability of only 5% (90% was asked for); 1,024 MB arm64 "
        "meets it and costs 40% less (37–43%)."
    )
    assert codes(met(0.4, 0.8)) == [11]


def test_a_size_that_meets_the_goal_as_surely_as_was_asked_is_right() -> None:
    """That another size is better by next to nothing, or more expensive, is nothing to stop at."""
    assert codes(met(-0.02, 0.93)) == []
    assert codes(met(0.04, 0.93)) == []


def test_a_run_that_did_not_decide_is_judged_by_the_same_rule() -> None:
    """A stack of an earlier version answers without a decision: nothing passes because of that."""
    for saving, expected in ((0.4, [10]), (0.04, []), (-0.2, [])):
        assert codes(replace(met(saving), decision=None)) == expected


def test_the_cost_limit() -> None:
    """12: today's size costs more than the limit; the sentence says what the other one would."""
    current = documents.goal_met().current
    assert current is not None
    cost = documents.usd(current)
    assert codes(met(0.4), cost) == [10]
    assert codes(met(0.4), cost * 0.99) == [12, 10]
    assert "within it" in judge_with(cost * 0.99)(met(0.4))[0].sentence
    assert "above it as well" in judge_with(0.0001)(met(0.4))[0].sentence


def test_a_size_that_is_right_passes() -> None:
    """Nothing is found where the recommended size is today's."""
    assert codes(documents.one_size()) == []


@pytest.mark.parametrize("make", [documents.goal_not_met, documents.uncertain, documents.dry_run, documents.failed_run])
def test_other_verdicts_have_their_own_code(make: Any) -> None:
    """Where the run itself has no answer, no other size is held against today's."""
    assert codes(make()) == []


def test_the_runs_own_code_comes_first() -> None:
    """A run that failed, or whose goal is out of reach, ends with its own code; else the worst finding's."""
    findings = judge_with(0.0001)(met(0.4, 0.05))
    assert [exit_code_of(code, findings) for code in (0, 3, 4, 5)] == [11, 3, 4, 5]
    assert exit_code_of(0, []) == 0
    fields = check_fields(11, findings)
    assert [row["exitCode"] for row in fields["findings"]] == [11, 12]


@pytest.mark.parametrize("limit", [0.0, -1.0, float("nan"), float("inf")])
def test_a_limit_is_above_nothing(limit: float) -> None:
    """A limit that cannot be one is refused before anything runs."""
    with pytest.raises(UsageProblem, match="--max-cost-per-million"):
        judge_with(limit)


class EndedRun:
    """A run that has ended, with its report, behind what showing it needs."""

    class artifacts:  # noqa: N801 - an attribute
        """No files beside the report."""

        @staticmethod
        def exists(key: str) -> bool:
            """None is there."""
            return False

        @staticmethod
        def console_url(key: str) -> str | None:
            """There is no console."""
            return None

    def __init__(self, ended: RunReport) -> None:
        self.ended = ended

    def report(self, run_id: str) -> RunReport:
        """The report."""
        return self.ended


def shown(report: RunReport, presentation: Presentation) -> int:
    """Show how a run ended; gives the exit code."""
    end = RunEnd(ExecutionStatus("SUCCEEDED", output=execution_output(report)), interrupted=False)
    return show_end(cast(Runs, EndedRun(report)), "run-1", end, presentation)


def test_the_findings_are_shown_with_their_code(capsys: pytest.CaptureFixture[str]) -> None:
    """The summary is followed by a sentence for each finding; --json holds them beside the output."""
    assert shown(met(0.4), Presentation(judge=judge_with(None))) == 10
    assert "40% cheaper than today's" in capsys.readouterr().out
    assert shown(met(0.4), Presentation(judge=judge_with(None), json_output=True)) == 10
    output = json.loads(capsys.readouterr().out)
    assert (output["check"]["exitCode"], output["verdict"]) == (10, "GOAL_MET")
    assert shown(documents.one_size(), Presentation(judge=judge_with(None))) == 0
    assert "Today's configuration is right" in capsys.readouterr().err


def test_quiet_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """With --quiet the verdict is one line on standard output, and standard error is silent."""
    assert shown(met(0.4), Presentation(quiet=True)) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("Goal met: ")
    assert (captured.out.count("\n"), captured.err) == (1, "")


@pytest.mark.parametrize("asked", [True, False])
def test_log_lines_are_shown_on_request(asked: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """With --show-logs the end of the last failed invocation's log is on standard error, without escape sequences."""
    answer = met(0.4)
    first = answer.observations[0]
    failed = replace(first.invocation, outcome="function_error", log_tail=("[ERROR] secret\x1b[2J",))
    report = replace(
        answer,
        observations=(*answer.observations, replace(first, invocation=failed)),
        request={**answer.request, "includeLogTail": asked},
    )
    shown(report, Presentation())
    captured = capsys.readouterr()
    assert ("  [ERROR] secret" in captured.err) == asked
    assert "secret" not in captured.out
    assert "\x1b[2J" not in captured.err
