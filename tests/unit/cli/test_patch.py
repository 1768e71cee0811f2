"""The subcommand ``patch``: a file, a run's verdict, and what is said of both."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.unit.cli.test_reading import SCHEMA_EXAMPLES, write_run
from tuner.cli.app import app

RUNNER = CliRunner()
TEMPLATE = """\
Resources:
  Thumbnails:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: {name}
      Handler: app.handler
      MemorySize: 3008  # since forever
"""


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A store with a run of each verdict; gives the met one's document."""
    monkeypatch.setenv("LAMBDA_TUNER_HOME", str(tmp_path / "store"))
    monkeypatch.setenv("COLUMNS", "200")
    documents = {}
    for name in ("goal-met", "goal-not-met", "uncertain", "failed", "dry-run"):
        documents[name] = json.loads((SCHEMA_EXAMPLES / f"{name}.json").read_text(encoding="utf-8"))
        write_run(tmp_path / "store" / "bucket", name, documents[name])
    return documents


@pytest.fixture
def template(tmp_path: Path, runs: dict[str, Any]) -> Path:
    """The template of the runs' function."""
    path = tmp_path / "template.yaml"
    path.write_text(TEMPLATE.format(name=runs["goal-met"]["function"]["name"]), encoding="utf-8")
    return path


def recommended(document: dict[str, Any]) -> int:
    """The size that a run recommends."""
    return int(document["recommended"]["memoryMb"])


def test_the_recommended_size_is_written(runs: dict[str, Any], template: Path) -> None:
    """The file changes in one line, the diff is shown, and the exit code is 0."""
    before = template.read_text(encoding="utf-8")
    result = RUNNER.invoke(app, ["patch", "goal-met", "--file", str(template)])
    assert result.exit_code == 0, result.stderr
    size = recommended(runs["goal-met"])
    assert template.read_text(encoding="utf-8") == before.replace("3008", str(size))
    assert f"+      MemorySize: {size}  # since forever" in result.stdout
    assert "-      MemorySize: 3008  # since forever" in result.stdout
    again = RUNNER.invoke(app, ["patch", "goal-met", "--file", str(template)])
    assert (again.exit_code, again.stdout) == (0, "")
    assert "is already up to date" in again.stderr


def test_a_dry_run_writes_nothing(runs: dict[str, Any], template: Path) -> None:
    """--dry-run shows the diff and leaves the file; --json holds it as data."""
    before = template.read_bytes()
    result = RUNNER.invoke(app, ["patch", "goal-met", "--file", str(template), "--dry-run", "--json"])
    shown = json.loads(result.stdout)
    assert (shown["written"], shown["function"]) == (False, "Thumbnails")
    assert shown["changes"][0] == {
        "place": "Thumbnails.Properties.MemorySize",
        "before": "3008",
        "after": str(recommended(runs["goal-met"])),
    }
    assert "@@" in shown["diff"]
    assert template.read_bytes() == before


@pytest.mark.parametrize(
    ("run", "code", "sentence"),
    [
        ("goal-not-met", 3, "no memory size met its goal"),
        ("uncertain", 5, "before it was sure"),
        ("failed", 4, "it recommends nothing"),
        ("dry-run", 2, "it was a dry run"),
    ],
)
def test_other_verdicts_change_nothing(template: Path, run: str, code: int, sentence: str) -> None:
    """A verdict that is not met is refused in a sentence, with its exit code."""
    before = template.read_bytes()
    result = RUNNER.invoke(app, ["patch", run, "--file", str(template)])
    assert result.exit_code == code
    assert sentence in result.stderr
    assert template.read_bytes() == before


def test_force_writes_the_best_guess(runs: dict[str, Any], template: Path) -> None:
    """--force acts on an uncertain run and says so; where nothing is recommended it cannot."""
    result = RUNNER.invoke(app, ["patch", "uncertain", "--file", str(template), "--force"])
    assert result.exit_code == 0
    assert "because of --force" in result.stderr
    assert f"MemorySize: {recommended(runs['uncertain'])} " in template.read_text(encoding="utf-8")
    assert RUNNER.invoke(app, ["patch", "failed", "--file", str(template), "--force"]).exit_code == 4
    assert RUNNER.invoke(app, ["patch", "dry-run", "--file", str(template), "--force"]).exit_code == 2


def test_latest_is_the_latest_run_of_a_function_that_the_template_has(
    tmp_path: Path, runs: dict[str, Any], template: Path
) -> None:
    """Another function's run that ended later is not taken, though its handler is called the same."""
    bucket = tmp_path / "store" / "bucket"
    met = runs["goal-met"]
    other = {**met["function"], "name": "orders"}
    later = {"functionArn": met["functionArn"].replace("thumbnail-api", "orders"), "function": other}
    write_run(bucket, "a-later", {**met, **later, "finishedAt": "2026-12-24T00:00:00+00:00"})
    write_run(bucket, "b-own", {**met, "finishedAt": "2026-12-01T00:00:00+00:00"})
    for words in ([], ["--function", "Thumbnails"]):
        result = RUNNER.invoke(app, ["patch", "latest", "--file", str(template), "--json", "--dry-run", *words])
        assert json.loads(result.stdout)["changes"][0]["after"] == str(recommended(met)), result.stderr
    before = template.read_text(encoding="utf-8")
    template.write_text(before.replace("thumbnail-api", "invoices"), encoding="utf-8")
    result = RUNNER.invoke(app, ["patch", "latest", "--file", str(template)])
    assert result.exit_code == 2
    assert "There is no run of a function in this template in " in result.stderr
    assert ". The run that ended last is a-later of orders." in result.stderr
    assert "3008" in template.read_text(encoding="utf-8")


def test_a_run_of_try_is_found_by_the_logical_id_that_it_was_given(
    tmp_path: Path, runs: dict[str, Any], template: Path
) -> None:
    """Its template is the one that is changed, or a build of it below; another project's with that id is not."""
    text = template.read_text(encoding="utf-8").replace("      FunctionName: thumbnail-api\n", "")
    bucket, met = tmp_path / "store" / "bucket", runs["goal-met"]
    arn = met["functionArn"].replace("thumbnail-api", "try-Thumbnails")
    tried = {**met, "where": "local", "functionArn": arn, "function": {**met["function"], "name": "try-Thumbnails"}}
    write_run(bucket, "tried", {**tried, "finishedAt": "2026-12-24T00:00:00+00:00"})
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    for folder in (project, elsewhere):
        folder.mkdir()
        (folder / "template.yaml").write_text(text, encoding="utf-8")
    built = project / ".aws-sam" / "build" / "template.yaml"
    command = bucket / "runs" / "tried" / "command.json"
    for content in (5, {"tried": {"template": str(built), "logicalId": "Thumbnails"}}):
        command.write_text(json.dumps(content), encoding="utf-8")
        codes = [
            RUNNER.invoke(app, ["patch", "latest", "--file", str(folder / "template.yaml")]).exit_code
            for folder in (elsewhere, project)
        ]
        assert codes == ([2, 2] if content == 5 else [2, 0])
    assert f"MemorySize: {recommended(met)}" in (project / "template.yaml").read_text(encoding="utf-8")
    assert "3008" in (elsewhere / "template.yaml").read_text(encoding="utf-8")


def test_a_size_that_is_kept_is_not_changed(tmp_path: Path, runs: dict[str, Any], template: Path) -> None:
    """A change that is not worth it is not made, which is no failure; --force makes it."""
    met = runs["goal-met"]
    kept = {"action": "keep", "reason": "within_tolerance", "worthRatio": 0.02, "savingRatio": None}
    write_run(tmp_path / "store" / "bucket", "kept", {**met, "decision": kept})
    before = template.read_text(encoding="utf-8")
    result = RUNNER.invoke(app, ["patch", "kept", "--file", str(template)])
    assert (result.exit_code, template.read_text(encoding="utf-8")) == (0, before)
    assert "Keep 3,008 MB; the best size is 1,024 MB. A change would be worth 2% of the cost" in result.stderr
    assert RUNNER.invoke(app, ["patch", "kept", "--file", str(template), "--force"]).exit_code == 0
    assert f"MemorySize: {recommended(met)} " in template.read_text(encoding="utf-8")


def test_links_and_permissions_stay(tmp_path: Path, template: Path) -> None:
    """The file behind a symbolic link is changed, with its mode, and nothing else is left in the folder."""
    template.chmod(0o640)
    link = tmp_path / "link.yaml"
    link.symlink_to(template)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert RUNNER.invoke(app, ["patch", "goal-met", "--file", str(link)]).exit_code == 0
    assert link.is_symlink()
    assert stat.S_IMODE(template.stat().st_mode) == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == names


def test_a_file_that_somebody_else_changed_is_left_to_them(template: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was saved in an editor meanwhile is not overwritten."""
    monkeypatch.setattr(os, "fsync", lambda _: template.write_text("theirs", encoding="utf-8"))
    result = RUNNER.invoke(app, ["patch", "goal-met", "--file", str(template)])
    assert (result.exit_code, "was changed while this command ran" in result.stderr) == (2, True)
    assert template.read_text(encoding="utf-8") == "theirs"


def test_a_write_that_fails_leaves_the_file_and_no_other(template: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is a sentence; the template is as it was and nothing lies beside it."""

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    before, names = template.read_bytes(), sorted(path.name for path in template.parent.iterdir())
    result = RUNNER.invoke(app, ["patch", "goal-met", "--file", str(template)])
    assert (result.exit_code, "No space left on device" in result.stderr) == (2, True)
    assert template.read_bytes() == before
    assert sorted(path.name for path in template.parent.iterdir()) == names


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "no such file"),
        ("Resources: {}".encode("utf-16"), "not UTF-8 text: it looks like UTF-16"),
        (b"Description: Zo\xeb", "not UTF-8 text: byte 15"),
        (b"Resources: [", "neither YAML nor JSON"),
        (b"Resources: {A: {Type: AWS::SQS::Queue}}", "no Lambda function"),
    ],
)
def test_a_file_that_is_no_template_is_a_sentence(
    tmp_path: Path, runs: dict[str, Any], content: bytes | None, sentence: str
) -> None:
    """What cannot be read is said with exit code 2, and the file is as it was."""
    path = tmp_path / "broken.yaml"
    if content is not None:
        path.write_bytes(content)
    result = RUNNER.invoke(app, ["patch", "goal-met", "--file", str(path), "--json"])
    assert result.exit_code == 2
    assert sentence in json.loads(result.stdout)["error"]["message"]
    assert content is None or path.read_bytes() == content


def test_a_hostile_template_does_not_steer_the_terminal(tmp_path: Path, runs: dict[str, Any]) -> None:
    """Escape sequences in names and lines of a template are shown as text."""
    path = tmp_path / "hostile.yaml"
    path.write_text(
        'Resources:\n  "A\\e[2J": {Type: AWS::Lambda::Function, Properties: {Handler: "\\e[2J", MemorySize: 1}}\n',
        encoding="utf-8",
    )
    for words in (["--function", "\x1b[2J"], ["--function", "nope"], []):
        result = RUNNER.invoke(app, ["patch", "goal-met", "--file", str(path), *words])
        assert "\x1b" not in result.stdout + result.stderr


def test_a_folder_is_no_template(tmp_path: Path, runs: dict[str, Any]) -> None:
    """A folder's name is refused like any other wrong file."""
    result = RUNNER.invoke(app, ["patch", "goal-met", "--file", str(tmp_path)])
    assert result.exit_code == 2
    assert "not a file" in result.stderr


def test_a_template_that_says_another_size_than_the_run_found(template: Path) -> None:
    """A size that differs from the deployed one is pointed out: it may be the wrong template."""
    template.write_text(template.read_text(encoding="utf-8").replace("3008", "640"), encoding="utf-8")
    result = RUNNER.invoke(app, ["patch", "goal-met", "--file", str(template)])
    assert "The template says 640 MB" in result.stderr


def test_an_unknown_run_names_the_nearest(template: Path) -> None:
    """A mistyped run id is answered with those that look like it."""
    result = RUNNER.invoke(app, ["patch", "goal-mett", "--file", str(template)])
    assert result.exit_code == 2
    assert "goal-met" in result.stderr


@pytest.mark.parametrize(("version", "hint"), [(99, "Install a newer lambda-tuner"), (0, "Tune the function again")])
def test_a_report_of_another_schema_is_refused(
    tmp_path: Path, runs: dict[str, Any], template: Path, version: int, hint: str
) -> None:
    """What this version cannot read is said, not guessed."""
    write_run(tmp_path / "store" / "bucket", "later", {**runs["goal-met"], "schemaVersion": version})
    result = RUNNER.invoke(app, ["patch", "later", "--file", str(template)])
    assert result.exit_code == 2
    assert f"schema {version}" in result.stderr
    assert hint in " ".join(result.stderr.split())
