"""Earlier runs: found by id, shown again, listed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tuner.application import application_root
from tuner.cli.app import app
from tuner.cli.reading import find_run, run_ids
from tuner.cli.store import FolderArtifacts, store_home
from tuner.core.errors import RunNotFound

RUNNER = CliRunner()
SCHEMA_EXAMPLES = application_root() / "docs" / "schema" / "examples"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store with three runs: met, not met, failed."""
    monkeypatch.setenv("LAMBDA_TUNER_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    bucket = tmp_path / "bucket"
    for run_id, name in (
        ("20260101-100000-thumbs-aaaa", "goal-met"),
        ("20260102-100000-thumbs-bbbb", "goal-not-met"),
        ("20260103-100000-orders-cccc", "failed"),
    ):
        write_run(bucket, run_id, json.loads((SCHEMA_EXAMPLES / f"{name}.json").read_text(encoding="utf-8")))
    return bucket


def write_run(bucket: Path, run_id: str, document: dict[str, Any]) -> None:
    """Put a run's report into the bucket's folder."""
    folder = bucket / "runs" / run_id
    folder.mkdir(parents=True)
    (folder / "report.json").write_text(json.dumps({**document, "runId": run_id}), encoding="utf-8")
    (folder / "report.html").write_text("<html></html>", encoding="utf-8")
    index = bucket / "index" / f"{run_id}.json"
    index.parent.mkdir(exist_ok=True)
    row = {
        "runId": run_id,
        "functionArn": document.get("functionArn"),
        "verdict": document.get("verdict"),
        "error": (document.get("error") or {}).get("name"),
        "memoryMb": (document.get("recommended") or {}).get("memoryMb"),
        "savingRatio": document.get("savingRatio"),
    }
    index.write_text(json.dumps(row), encoding="utf-8")


def test_runs_are_found_by_id_beginning_and_latest(store: Path) -> None:
    """A run's id, an unambiguous beginning, and ``latest`` name a run."""
    artifacts = FolderArtifacts(store)
    assert run_ids(artifacts)[0] == "20260101-100000-thumbs-aaaa"
    assert find_run(artifacts, "20260102", "here") == "20260102-100000-thumbs-bbbb"
    assert find_run(artifacts, "latest", "here") == "20260103-100000-orders-cccc"
    with pytest.raises(RunNotFound, match="3 runs in here begin"):
        find_run(artifacts, "2026", "here")
    with pytest.raises(RunNotFound, match="no report"):
        find_run(artifacts, "2027", "here")


def test_keys_never_lead_out_of_the_folder(store: Path) -> None:
    """A key with dots is no way to other files."""
    (store.parent / "secret.json").write_text("{}", encoding="utf-8")
    assert FolderArtifacts(store).read("../secret.json") is None
    assert FolderArtifacts(store / "missing").read("a") is None
    assert list(FolderArtifacts(store / "missing").keys("")) == []


@pytest.mark.parametrize(("run", "code"), [("20260101", 0), ("20260102", 3), ("20260103", 4)])
def test_a_report_is_shown_again_with_its_exit_code(store: Path, run: str, code: int) -> None:
    """The summary goes to standard output and the exit code is the run's own."""
    result = RUNNER.invoke(app, ["report", run])
    assert result.exit_code == code
    assert result.stdout


def test_a_report_is_copied_out(store: Path, tmp_path: Path) -> None:
    """--out copies the files that there are; --json prints report.json alone."""
    out = tmp_path / "deep" / "out"
    result = RUNNER.invoke(app, ["report", "20260101", "--out", str(out), "--json"])
    assert json.loads(result.stdout)["verdict"] == "GOAL_MET"
    assert sorted(path.name for path in out.iterdir()) == ["report.html", "report.json"]


def test_an_out_that_cannot_be_written_is_refused_first(store: Path, tmp_path: Path) -> None:
    """--out below a file is refused with exit code 2."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    result = RUNNER.invoke(app, ["report", "latest", "--out", str(tmp_path / "file" / "below")])
    assert result.exit_code == 2
    assert "cannot be written" in result.stderr


def test_runs_are_listed_newest_first(store: Path) -> None:
    """List shows function, verdict or error, and recommendation; --limit cuts."""
    rows = json.loads(RUNNER.invoke(app, ["list", "--json"]).stdout)["runs"]
    assert [row["runId"][:8] for row in rows] == ["20260103", "20260102", "20260101"]
    assert rows[0]["error"]
    assert (rows[2]["verdict"], bool(rows[2]["memoryMb"])) == ("GOAL_MET", True)
    text = RUNNER.invoke(app, ["list", "--limit", "1"]).stdout
    assert "20260103" in text
    assert "20260102" not in text


def test_a_listed_run_says_nothing_to_the_terminal(store: Path) -> None:
    """What is written in the index is text: no markup, no escape sequence."""
    for run_id, error in (("20260104-1", "X[/nope]"), ("20260105-1", "\x1b]0;PWNED\x07\x1b[31mred")):
        (store / "index" / f"{run_id}.json").write_text(json.dumps({"error": error}), encoding="utf-8")
    answer = RUNNER.invoke(app, ["list"])
    assert answer.exit_code == 0
    assert "X[/nope]" in answer.output
    assert "PWNED" in answer.output
    assert not {"\x1b", "\x07"} & set(answer.output)


def test_an_index_row_leads_nowhere_else(store: Path) -> None:
    """A key that is no run's is not one, whoever wrote it: nothing is read, shown or written by it."""
    for name in ("zzz/../../../outside", "zzz/nested", "zz\x1b[31m"):
        path = store / "index" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}", encoding="utf-8")
    artifacts = FolderArtifacts(store)
    assert find_run(artifacts, "latest", "here") == "20260103-100000-orders-cccc"
    assert not [run_id for run_id in run_ids(artifacts) if run_id.startswith("zz")]
    for wanted in ("..", "zzz/nested", "a\x1b"):
        with pytest.raises(RunNotFound):
            find_run(artifacts, wanted, "here")


def test_the_store_is_where_the_variable_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """LAMBDA_TUNER_HOME wins over the user's data folder."""
    monkeypatch.setenv("LAMBDA_TUNER_HOME", str(tmp_path / "mine"))
    assert store_home() == tmp_path / "mine"
    monkeypatch.delenv("LAMBDA_TUNER_HOME")
    assert store_home().name == "lambda-tuner"
