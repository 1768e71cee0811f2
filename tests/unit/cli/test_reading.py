"""Earlier runs: found by id, shown again, listed."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from tuner.application import application_root
from tuner.aws.artifacts import Artifacts
from tuner.cli.app import app
from tuner.cli.reading import complete_run_ids, find_run, latest_runs, run_ids
from tuner.cli.store import FolderArtifacts, store_home
from tuner.core.errors import RunNotFound
from tuner.embedded.locks import IN_USE, shared

RUNNER = CliRunner()
SCHEMA_EXAMPLES = application_root() / "docs" / "schema" / "examples"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store with three runs, one an hour: met, not met, failed."""
    monkeypatch.setenv("LAMBDA_TUNER_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    bucket = tmp_path / "bucket"
    for hour, (run_id, name) in enumerate(
        (
            ("20260101-100000-thumbs-aaaa", "goal-met"),
            ("20260102-100000-thumbs-bbbb", "goal-not-met"),
            ("20260103-100000-orders-cccc", "failed"),
        )
    ):
        document = json.loads((SCHEMA_EXAMPLES / f"{name}.json").read_text(encoding="utf-8"))
        write_run(bucket, run_id, {**document, "finishedAt": f"2026-01-04T0{hour}:00:00+00:00"})
    return bucket


def example(name: str = "goal-met", **fields: Any) -> dict[str, Any]:
    """One of the published examples with other fields."""
    return {**json.loads((SCHEMA_EXAMPLES / f"{name}.json").read_text(encoding="utf-8")), **fields}


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
        "where": document.get("where"),
        "finishedAt": document.get("finishedAt"),
        "verdict": document.get("verdict"),
        "error": (document.get("error") or {}).get("name"),
        "memoryMb": (document.get("recommended") or {}).get("memoryMb"),
        "currentMemoryMb": (document.get("current") or {}).get("memoryMb"),
        "savingRatio": document.get("savingRatio"),
        "decision": (document.get("decision") or {}).get("action"),
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


def test_a_run_without_a_report_is_told_with_what_it_wrote(store: Path) -> None:
    """A run whose embedded AWS died says so, and what it had done; one that may go on says that."""
    folder = store / "runs" / "killed"
    (folder / "observations").mkdir(parents=True)
    (folder / "request.json").write_text('{"target": {"name": "thumbs"}, "started_at": "2026-01-01T10:00:00+00:00"}')
    (folder / "observations" / "001-0001.json").write_text('{"started": 3}')
    (folder / "observations" / "001-0002.json").write_text('{"started": 4}')
    artifacts = FolderArtifacts(store)
    with pytest.raises(RunNotFound) as told:
        find_run(artifacts, "killed", "here")
    assert told.value.message == (
        "The run killed of thumbs, started 2026-01-01T10:00:00+00:00, has no report: "
        "the embedded AWS ended before it did. It had made 7 invocations."
    )
    with (
        shared(store.parent / IN_USE, when_alone=lambda: None),
        pytest.raises(RunNotFound, match="it is still going on, or it was cut off"),
    ):
        find_run(artifacts, "killed", "here")


def test_files_that_are_being_written_are_no_runs(store: Path) -> None:
    """What a killed server left half written is neither listed nor read."""
    (store / "index" / ".unfinished-q3yzx_m8").write_text("{")
    assert len(run_ids(FolderArtifacts(store))) == 3


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


def test_the_latest_run_is_the_one_that_ended_last(store: Path) -> None:
    """Ids that Step Functions made sort anywhere: list, latest and completion go by the time."""
    write_run(store, "zzz-first", example(finishedAt="2026-01-03T23:00:00+00:00"))
    write_run(store, "3f2b-last", example(finishedAt="2026-01-04T05:30:00+02:00"))
    rows = json.loads(RUNNER.invoke(app, ["list", "--json"]).stdout)["runs"]
    assert [row["runId"][:9] for row in rows] == ["3f2b-last", "20260103-", "20260102-", "20260101-", "zzz-first"]
    assert find_run(FolderArtifacts(store), "latest", "here") == "3f2b-last"
    assert [run_id[:9] for run_id, _ in complete_run_ids("")][:3] == ["latest", "3f2b-last", "20260103-"]
    assert complete_run_ids("3f")[0] == ("3f2b-last", "thumbnail-api GOAL_MET")


class Bucket:
    """S3 with objects that were written one minute after the other."""

    def __init__(self, objects: dict[str, Any]) -> None:
        self.objects = {key: json.dumps(value).encode() for key, value in objects.items()}

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        """The object."""
        return {"Body": io.BytesIO(self.objects[Key]), "ETag": '"1"'}

    def get_paginator(self, _: str) -> Any:
        """Of ``list_objects_v2``: a page for each object, by key."""
        written = {key: datetime(2026, 1, 4, 0, minute, tzinfo=UTC) for minute, key in enumerate(self.objects)}
        pages = [{"Contents": [{"Key": key, "LastModified": written[key]}]} for key in sorted(self.objects)]
        return SimpleNamespace(paginate=lambda **_: pages)


def test_the_latest_runs_of_an_account() -> None:
    """What was written last is read, and ordered by when it ended."""
    ended = ["2026-01-01T00:00:00Z", *(f"2026-01-02T{at // 60:02}:{at % 60:02}:00Z" for at in range(59))]
    bucket = Bucket({f"index/{99 - number:03}.json": {"finishedAt": at} for number, at in enumerate(ended)})
    rows = latest_runs(Artifacts(bucket, "bucket"), 2)
    assert [row.run_id for row in rows] == ["040", "041"]
    assert Artifacts(bucket, "bucket").latest_keys("index/", 2) == ["index/040.json", "index/041.json"]


@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_list_fits(store: Path, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    """Function, time, result and the whole id of each run, also at 80 columns."""
    monkeypatch.setenv("COLUMNS", str(width))
    arn = "arn:aws:lambda:eu-central-1:123456789012:function:thumbnails-of-the-whole-catalogue"
    run_id = "8d9f8a6e-0c1f-4b7e-9d63-51b8a3cbb0a7"
    kept = {"action": "keep", "reason": "within_tolerance", "worthRatio": 0.01, "savingRatio": None}
    write_run(store, run_id, example(functionArn=arn, decision=kept))
    lines = RUNNER.invoke(app, ["list"]).stdout.splitlines()
    assert max(map(len, lines)) <= max(width, 70)
    assert any(line.endswith(run_id) for line in lines)
    assert "2026-11-23 09:15" in "".join(lines)
    assert "thumbnail" in "".join(lines)
    assert "keep 3,008 MB" in "".join(lines)


@pytest.mark.parametrize(
    "row",
    [
        {"savingRatio": "x"},
        {"memoryMb": [1]},
        {"memoryMb": True},
        {"functionArn": 5},
        {"finishedAt": 7},
        {"finishedAt": "9999-12-31T23:59:59-14:00"},
        {"error": "\x1b]0;PWNED\x07", "functionArn": "[/nope]"},
        {"error": "X[/nope]"},
        ["a"],
        5,
    ],
)
def test_no_row_ends_the_list(store: Path, row: Any) -> None:
    """A row of the wrong types, and one that would steer the terminal, are shown beside the others as text."""
    (store / "index" / "0-odd.json").write_text(json.dumps(row), encoding="utf-8")
    (store / "index" / ".unfinished-q3yzx_m8").write_text("{", encoding="utf-8")
    result = RUNNER.invoke(app, ["list"])
    assert (result.exit_code, "\x1b" in result.stdout) == (0, False), result.stderr
    assert all(name in result.stdout for name in ("0-odd", "thumbs-aaaa", "orders-cccc"))
    assert "unfinished" not in result.stdout
    assert RUNNER.invoke(app, ["report", "latest"]).exit_code == 4
    assert complete_run_ids("0-")[0][0] == "0-odd"


@pytest.mark.parametrize(
    "fields",
    [
        {"recommended": 5},
        {"savingRatio": "x"},
        {"configurations": [7]},
        {"goal": {"percentile": "p95"}},
        {"recommended": {"memoryMb": "much", "architecture": "arm64"}},
    ],
)
@pytest.mark.parametrize("words", [["report"], ["patch", "--file", "template.yaml"]])
def test_a_report_of_the_wrong_types_is_a_sentence(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], words: list[str]
) -> None:
    """A damaged report is said to be damaged where its values are needed, and nothing is changed."""
    monkeypatch.chdir(tmp_path)
    template = "Resources: {F: {Type: AWS::Lambda::Function, Properties: {FunctionName: thumbnail-api, MemorySize: 1}}}"
    (tmp_path / "template.yaml").write_text(template, encoding="utf-8")
    write_run(store, "odd", example())
    (store / "runs" / "odd" / "report.json").write_text(json.dumps(example(**fields)), encoding="utf-8")
    result = RUNNER.invoke(app, [words[0], "odd", *words[1:], "--debug"])
    assert "should not have happened" not in result.stderr
    if words == ["report"] or "recommended" in fields:
        assert (result.exit_code, "damaged" in result.stderr) == (2, True)
        assert (tmp_path / "template.yaml").read_text(encoding="utf-8") == template


def test_the_store_is_where_the_variable_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """LAMBDA_TUNER_HOME wins over the user's data folder."""
    monkeypatch.setenv("LAMBDA_TUNER_HOME", str(tmp_path / "mine"))
    assert store_home() == tmp_path / "mine"
    monkeypatch.delenv("LAMBDA_TUNER_HOME")
    assert store_home().name == "lambda-tuner"
