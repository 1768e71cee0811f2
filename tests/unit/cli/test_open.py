"""Opening a report, completing run ids, and ``--debug`` wherever it stands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import webbrowser
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.unit.cli.test_reading import SCHEMA_EXAMPLES, write_run
from tuner.cli.app import app
from tuner.cli.commands.open_run import can_open, open_report
from tuner.cli.failures import debug_requested
from tuner.core.errors import PermissionDenied

RUNNER = CliRunner()
RUN = "20260101-100000-thumbs-aaaa"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store with one run, and no display."""
    monkeypatch.setenv("LAMBDA_TUNER_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "WSL_DISTRO_NAME"):
        monkeypatch.delenv(name, raising=False)
    document = json.loads((SCHEMA_EXAMPLES / "goal-met.json").read_text(encoding="utf-8"))
    write_run(tmp_path / "bucket", RUN, document)
    return tmp_path / "bucket"


class Bucket:
    """A bucket that holds one run, and is no folder of this machine."""

    def __init__(self, body: bytes | None, refusal: Exception | None = None) -> None:
        self.body = body
        self.refusal = refusal

    def read(self, key: str) -> bytes | None:
        """The report.json and, where there is one, the page."""
        if self.refusal:
            raise self.refusal
        return self.body if key.endswith(".html") else b"{}"

    def read_json(self, key: str) -> Any:
        """Not asked for."""
        raise AssertionError(key)

    def keys(self, prefix: str) -> Any:
        """Not asked for."""
        raise AssertionError(prefix)

    def uri(self, key: str) -> str:
        """Its address."""
        return f"s3://b/{key}"


def test_the_path_is_printed(store: Path) -> None:
    """--print-path writes the file's path and nothing else to standard output."""
    result = RUNNER.invoke(app, ["open", "latest", "--print-path"])
    assert (result.exit_code, result.stdout) == (0, f"{store / 'runs' / RUN / 'report.html'}\n")
    assert result.stderr == ""


@pytest.mark.skipif(sys.platform != "linux", reason="Elsewhere a browser needs no display of its own.")
def test_without_a_display_the_path_is_the_answer(store: Path) -> None:
    """Where nothing can be opened, the command says where the report is, and has not failed."""
    result = RUNNER.invoke(app, ["open", RUN[:10]])
    assert result.exit_code == 0
    assert "no browser" in result.stderr
    assert result.stdout.strip().endswith("report.html")


def test_the_browser_gets_a_file(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a display the page is opened as a file."""
    opened: list[str] = []
    monkeypatch.setenv("DISPLAY", ":1")
    monkeypatch.setattr(webbrowser, "open", lambda url: opened.append(url) or True)
    result = RUNNER.invoke(app, ["open", RUN])
    assert (result.exit_code, result.stdout) == (0, "")
    assert opened == [(store / "runs" / RUN / "report.html").as_uri()]


def test_a_buckets_page_is_fetched(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A report in an account's bucket is kept in the store and opened from there."""
    assert open_report(Bucket(b"<html>there</html>"), "account 1", "r1", print_path=True) == 0
    assert Path(capsys.readouterr().out.strip()).read_bytes() == b"<html>there</html>"


def test_what_cannot_be_opened_is_a_sentence(store: Path) -> None:
    """An unknown run, a run without a page and a bucket without permission each say what is missing."""
    (store / "runs" / RUN / "report.html").unlink()
    result = RUNNER.invoke(app, ["open", RUN])
    assert (result.exit_code, "left no report.html" in result.stderr) == (2, True)
    result = RUNNER.invoke(app, ["open", "20260101-100000-thumbs-aaab"])
    assert (result.exit_code, f"Did you mean {RUN}?" in result.stderr) == (2, True)
    with pytest.raises(PermissionDenied):
        open_report(Bucket(None, PermissionDenied("no")), "account 1", "r1", print_path=True)


@pytest.mark.parametrize(
    ("environment", "platform", "expected"),
    [
        ({}, "linux", False),
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "w"}, "linux", True),
        ({"BROWSER": "firefox"}, "linux", True),
        ({}, "darwin", True),
    ],
)
def test_whether_there_is_a_display(environment: dict[str, str], platform: str, expected: bool) -> None:
    """A browser needs a display, or one that the user has named."""
    assert can_open(environment, platform) == expected


@pytest.mark.parametrize(
    ("shell", "variable"),
    [("bash", "COMP_WORDS"), ("zsh", "_TYPER_COMPLETE_ARGS"), ("fish", "_TYPER_COMPLETE_ARGS")],
)
def test_run_ids_are_completed(store: Path, shell: str, variable: str) -> None:
    """The shell is offered the runs that begin as typed."""
    environment = {
        **os.environ,
        "_LAMBDA_TUNER_COMPLETE": f"complete_{shell}",
        variable: "lambda-tuner report 2026",
        "COMP_CWORD": "2",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    command = [sys.executable, "-c", "from tuner.cli import main; main()"]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert RUN in result.stdout, result.stderr


@pytest.mark.parametrize(
    "words", [["--debug", "report", "none"], ["report", "--debug", "none"], ["report", "none", "--debug"]]
)
def test_debug_stands_anywhere(store: Path, words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The traceback is shown wherever the flag stands; behind a -- it is a word like any other."""
    result = RUNNER.invoke(app, words)
    assert result.exit_code == 2
    assert "Traceback" in result.stderr
    debug_requested.set(False)
    result = RUNNER.invoke(app, ["report", "--", "--debug"])
    assert "Traceback" not in result.stderr
    assert "a run '--debug'" in result.stderr


def test_a_damaged_index_row_is_listed_as_such(store: Path) -> None:
    """One broken object does not hide the other runs."""
    (store / "index" / "20260102-broken.json").write_text("{", encoding="utf-8")
    rows = json.loads(RUNNER.invoke(app, ["list", "--json"]).stdout)["runs"]
    assert [(row["runId"], row.get("error")) for row in rows] == [(RUN, None), ("20260102-broken", "damaged")]


def test_a_damaged_report_is_a_sentence(store: Path) -> None:
    """A report.json that is no JSON is said to be damaged."""
    for content in ("{", "[]"):
        (store / "runs" / RUN / "report.json").write_text(content, encoding="utf-8")
        result = RUNNER.invoke(app, ["report", RUN])
        assert (result.exit_code, "damaged" in result.stderr) == (2, True)
