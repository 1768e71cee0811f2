"""What a check leaves in GitHub Actions, and that no text of a function is followed as a command there."""

from __future__ import annotations

import io
from pathlib import Path
from typing import cast

import pytest

from tests.unit.cli.test_check import EndedRun, met, shown
from tests.unit.report import documents
from tuner.cli.check import judge_with
from tuner.cli.console import error_console, result_console
from tuner.cli.execute import Presentation, show_end
from tuner.cli.follow import RunEnd
from tuner.cli.github import annotation, without_commands
from tuner.cli.runs import ExecutionStatus, Runs
from tuner.core.answer.codec import execution_output

CHECKED = Presentation(judge=judge_with(None))
HOSTILE = "no\n::error title=forged::gone\r\n  ::stop-commands::x\n##[error]old, 100%"


@pytest.fixture
def summary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A step of GitHub Actions whose job has a summary already."""
    path = tmp_path / "summary.md"
    path.write_text("An earlier step.\n")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(path))
    return path


def commands(text: str) -> list[str]:
    """The lines of an output that the runner would follow, as its two parsers find them."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return [line for line in lines if line.lstrip().startswith("::") or "##[" in line]


def test_findings_are_annotations_and_in_the_summary(summary: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A cheaper size warns, a goal that today's size misses is an error; the summary is appended to."""
    shown(met(0.4), CHECKED)
    (cheaper,) = commands(capsys.readouterr().err)
    assert cheaper.startswith("::warning title=Lambda Tuner%2C run run-1::1,024 MB arm64 is 40%25 cheaper")
    shown(met(0.4, 0.05), CHECKED)
    (misses,) = commands(capsys.readouterr().err)
    assert misses.startswith("::error ")
    text = summary.read_text()
    assert text.startswith("An earlier step.\n### Lambda Tuner")
    assert "- 1,024 MB arm64 is 40% cheaper than today's 3,008 MB arm64" in text
    assert "- Today's 3,008 MB arm64 meets the goal with a probability of only 5%" in text


def test_a_verdict_that_stops_the_job_is_an_error(summary: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where nothing was found but the exit code is not 0, the verdict says why."""
    assert shown(documents.uncertain(), CHECKED) == 5
    (uncertain,) = commands(capsys.readouterr().err)
    assert uncertain.startswith("::error title=Lambda Tuner%2C run run-1::Uncertain: ")
    assert shown(documents.one_size(), CHECKED) == 0
    assert commands(capsys.readouterr().err) == []
    assert "- Today's configuration is right." in summary.read_text()


def test_a_failed_run_is_an_error(summary: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The error's name and sentence annotate the job, and the run's own report.md is its summary."""

    class FailedRun(EndedRun):
        """A run that failed, and left a report."""

        def failure(self, run_id: str) -> dict[str, str]:
            """Why."""
            return {"name": "PayloadFailed", "message": HOSTILE, "hint": "Look."}

        def report_file(self, run_id: str, name: str) -> bytes:
            """What the run wrote."""
            return b"### It failed"

    end = RunEnd(ExecutionStatus("FAILED", error_name="PayloadFailed", cause="no"), interrupted=False)
    assert show_end(cast(Runs, FailedRun(documents.failed_run())), "run-1", end, CHECKED) == 4
    captured = capsys.readouterr()
    assert [line.partition("::PayloadFailed")[0] for line in commands(captured.out + captured.err)] == [
        "::error title=Lambda Tuner%2C run run-1"
    ]
    assert summary.read_text() == "An earlier step.\n### It failed\n\n"


def test_a_functions_text_forges_no_command(summary: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither in an annotation nor in what the terminal shows, whatever line it ends up on."""
    assert len(commands(annotation("error", HOSTILE, HOSTILE))) == 1
    assert annotation("error", HOSTILE, HOSTILE).count("\n") == 0
    warnings = [HOSTILE, "word " * 15 + "::add-mask::wrapped to its line's beginning"]
    shown(documents.changed(met(0.4), {"warnings": warnings, "function.name": HOSTILE}), CHECKED)
    captured = capsys.readouterr()
    assert commands(captured.out) == []
    assert len(commands(captured.err)) == 1
    assert "stop-commands" in captured.out
    error_console().print(HOSTILE, markup=False)
    assert commands(capsys.readouterr().err) == []


def test_text_reads_as_before() -> None:
    """A colon in a sentence, a C++ name or a time stays as it is."""
    for text in ("p95: 3 ms", "std::vector", "12:30:00", "## Heading", "# [link]", ": :"):
        assert without_commands(text) == text


def test_nothing_is_told_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Outside GitHub Actions, and for commands that check nothing, there is no annotation and no summary."""
    place = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(place))
    shown(met(0.4), Presentation())
    assert not place.exists()
    monkeypatch.delenv("GITHUB_STEP_SUMMARY")
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    shown(met(0.4), CHECKED)
    captured = capsys.readouterr()
    assert commands(captured.out + captured.err) == []


def test_a_summary_that_cannot_be_written_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is said, and the exit code is that of the check."""
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path))
    assert shown(met(0.4), CHECKED) == 10
    assert "could not be written" in capsys.readouterr().err


def test_the_report_beside_the_run_says_what_was_found(tmp_path: Path) -> None:
    """With --out, report.md has the findings: the text of a pull request's comment."""

    class KeptRun(EndedRun):
        """A run with files."""

        def report_file(self, run_id: str, name: str) -> bytes:
            """As the run wrote them."""
            return b"as the run wrote it"

    document = met(0.4)
    end = RunEnd(ExecutionStatus("SUCCEEDED", output=execution_output(document)), interrupted=False)
    show_end(cast(Runs, KeptRun(document)), "run-1", end, Presentation(out=tmp_path, judge=judge_with(1.0)))
    text = (tmp_path / "report.md").read_text()
    assert "**Check:**" in text
    assert "- A million invocations cost $5.10 today, above the limit of $1.00" in text
    assert (tmp_path / "report.json").read_bytes() == b"as the run wrote it"


def test_a_stream_without_commands_is_the_stream_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a console asks of its stream, such as its encoding, is answered by the stream."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    stream = io.StringIO()
    monkeypatch.setattr("sys.stdout", stream)
    result_console().print("::debug::x")
    assert stream.getvalue() == ":\u2060:debug::x\n"
