"""The command's own words: help, usage errors, exit codes and what goes to which stream."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
import yaml
from typer.testing import CliRunner

from tests.unit.report.documents import EXAMPLES
from tuner import __version__
from tuner.application import application_root
from tuner.cli import failures
from tuner.cli.app import app, subcommand
from tuner.cli.examples import examples
from tuner.cli.failures import exit_code_of_error, exit_code_of_run, expected_errors, show_error

RUNNER = CliRunner()
SUBCOMMANDS = [
    ["demo"],
    ["tune"],
    ["try"],
    ["report"],
    ["list"],
    ["patch"],
    ["check"],
    ["open"],
    ["uninstall"],
    ["local", "start"],
    ["local", "status"],
    ["local", "stop"],
]


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store of its own, no AWS account, and a terminal wide enough not to break words."""
    monkeypatch.setenv("LAMBDA_TUNER_HOME", str(tmp_path / "store"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app.py").write_text("def handler(event, context): ...\n", encoding="utf-8")


@pytest.mark.parametrize("words", SUBCOMMANDS, ids=" ".join)
def test_every_subcommand_has_help_with_an_example(words: list[str]) -> None:
    """Help ends with an example that begins with the command itself."""
    result = RUNNER.invoke(app, [*words, "--help"])
    assert result.exit_code == 0
    assert f"lambda-tuner {' '.join(words)}" in result.stdout.split("Example:", 1)[1]


def test_the_list_of_subcommands_says_what_the_help_of_each_begins_with() -> None:
    """It is written a second time so that listing them imports none."""
    listed = typer.main.get_command(app).commands
    assert {name: each.help for name, each in listed.items()} == {name: subcommand(name).help for name in listed}


def test_help_documents_the_exit_codes() -> None:
    """The exit codes are in the help."""
    assert "3 no size meets the goal" in RUNNER.invoke(app, ["tune", "--help"]).stdout.replace("\n", " ")


def test_the_demos_help_names_every_example() -> None:
    """Nobody has to guess a name to see the names."""
    words = (
        RUNNER.invoke(app, ["demo", "--help"], env={"COLUMNS": "200"})
        .stdout.replace(",", " ")
        .replace(".", " ")
        .split()
    )
    assert {each.name for each in examples()} <= set(words)


def test_the_version_is_shown() -> None:
    """--version shows the version and ends."""
    result = RUNNER.invoke(app, ["--version"])
    assert (result.exit_code, result.stdout) == (0, f"lambda-tuner {__version__}\n")


@pytest.mark.parametrize(
    ("words", "unneeded"),
    [
        (["--help"], {"tuner.cli.flags", "tuner.core.model"}),
        (["tune", "--help"], {"tuner.cli.commands.check", "tuner.core.answer.report"}),
        (["logs", "--help"], {"tuner.core.request.tuning_request", "tuner.cli.commands.tune"}),
        (["--version"], {"tuner.cli.flags", "rich.console"}),
    ],
    ids=lambda value: " ".join(value if isinstance(value, list) else sorted(value)),
)
def test_help_comes_quickly(words: list[str], unneeded: set[str]) -> None:
    """Help loads nothing of AWS, and a subcommand does not wait for the flags of the others."""
    code = (
        f"import sys, typer; sys.argv = ['lambda-tuner', *{words}]\n"
        "of_typer = set(sys.modules)  # older versions load rich at once\n"
        "from tuner.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'boto3', 'botocore', 'moto', 'optuna', 'numpy', 'jinja2', 'cfn_flip', 'psutil'}\n"
        f"print('loaded:', sorted((heavy | {unneeded}) & set(sys.modules) - of_typer))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "loaded: []"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["demo", "--example", "nope"], "There is no example named 'nope'"),
        (["tune", "f", "--goal", "fast"], "write it as p95=300ms"),
        (["tune", "f", "--sizes", "huge"], "128-3008:64"),
        (["tune", "f", "--memory", "512,1024"], "For memory sizes to try: --sizes 512,1024"),
        (["check", "f", "--memory", "512,1024"], "For memory sizes to try: --sizes 512,1024"),
        (["tune", "f", "--goal", "p20=300ms"], "between 50 and 99.9"),
        (["tune", "f", "--max-invocations", "1"], "--max-invocations is 1"),
        (["tune", "f", "--observed", "512=420ms"], "--observed is only for runs on the embedded AWS"),
        (["tune", "f", "--cpu-time"], "--cpu-time is only for runs on the embedded AWS"),
        (["tune", "f", "--local", "--region", "eu-west-1"], "--local and --region exclude each other"),
        (["tune", "arn:aws:lambda:eu-west-1:123456789012:layer:x:1"], "layer"),
        (["tune", "f", "--state-machine", "nonsense"], "not the ARN of a state machine"),
        (["try"], "No handler was given"),
        (["try", "app.py", "--code-root", "nowhere"], "--code-root nowhere is not a folder"),
        (["try", "app.py", "--setup", "missing.py"], "--setup missing.py is not a file"),
        (["try", "app.py", "--setup", "app.py", "--real-aws"], "--setup and --real-aws exclude each other"),
        (["try", "index.js:handler"], "Python handlers only"),
        (["try", "missing.py:handler"], "There is no file"),
        (["try", "--function", "X"], "--function X needs --template"),
        (["report", "20260101-000000-x-0000"], "There is no report of a run"),
        (["report", "../../secret"], "There is no report of a run"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_bad_usage_is_a_sentence_and_exit_code_2(words: list[str], sentence: str) -> None:
    """What cannot be done is refused in a sentence on standard error, without a traceback, with exit code 2."""
    result = RUNNER.invoke(app, words)
    assert result.exit_code == 2, result.stderr
    assert sentence in result.stderr.replace("\n", " ")
    assert result.stdout == ""
    assert "Traceback" not in result.stderr


def test_json_has_the_error_on_standard_output() -> None:
    """With --json a refusal is the failure's document, and standard output holds nothing else."""
    result = RUNNER.invoke(app, ["tune", "f", "--goal", "fast", "--json"])
    assert result.exit_code == 2
    failure = json.loads(result.stdout)
    assert failure["runId"] is None
    assert failure["error"]["name"] == "InvalidRequest"
    assert "--goal" in failure["error"]["message"]


def test_missing_credentials_say_what_to_do() -> None:
    """Without credentials the error says how to log in and how to do without an account."""
    result = RUNNER.invoke(app, ["tune", "f", "--region", "eu-west-1", "--yes"])
    assert result.exit_code == 4
    assert "no usable AWS credentials" in result.stderr
    assert "lambda-tuner demo" in result.stderr


def test_an_empty_store_is_said_to_be_empty() -> None:
    """List without runs says so and how to make one."""
    result = RUNNER.invoke(app, ["list"])
    assert result.exit_code == 0
    assert "no run" in result.stderr
    assert json.loads(RUNNER.invoke(app, ["list", "--json"]).stdout) == {"runs": []}


def test_local_status_without_a_server() -> None:
    """Status says that nothing runs, and how to start it, and is no success."""
    result = RUNNER.invoke(app, ["local", "status"])
    assert (result.exit_code, "local start" in result.stdout) == (4, True)
    assert json.loads(RUNNER.invoke(app, ["local", "status", "--json"]).stdout)["running"] is False


def test_what_others_wrote_does_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Escape sequences and markup in an error's text are shown as text."""
    show_error("[bold]Payload\x1b[2J", "boom \x1b]0;title\x07 [red]", "try\x08 again")
    shown = capsys.readouterr().err
    assert not {"\x1b", "\x07", "\x08"} & set(shown)
    assert "[red]" in shown
    assert "[bold]Payload" in shown


def test_the_documentation_knows_every_subcommand_flag_and_exit_code() -> None:
    """docs/command.md names each subcommand and each flag of it, and every exit code; the flags that it names exist."""
    text = (application_root() / "docs" / "command.md").read_text(encoding="utf-8")
    commands = [(name, subcommand(name)) for name in typer.main.get_command(app).commands]
    commands += [(f"local {name}", command) for name, command in subcommand("local").commands.items()]
    flags = {
        word
        for _, command in commands
        for flag in command.params
        for word in (*flag.opts, *flag.secondary_opts)
        if word.startswith("--")
    }
    hidden = {
        word
        for _, command in commands
        for flag in command.params
        if getattr(flag, "hidden", False)
        for word in flag.opts
    }
    missing = [flag for flag in sorted(flags - hidden) if f"{flag}`" not in text and f"{flag} " not in text]
    assert not missing
    assert not [name for name, _ in commands if f"`{name}" not in text and f"`{name.split()[-1]}`" not in text]
    named = set(re.findall(r"`(--[a-z][a-z0-9-]+)", text))
    assert named <= flags | {"--debug", "--help", "--install-completion"}
    codes = [value for name, value in vars(failures).items() if name.startswith("EXIT_") and isinstance(value, int)]
    rows = "\n".join(line.split("|")[1] for line in text.splitlines() if re.match(r"\| \d", line))
    assert not [code for code in codes if str(code) not in re.findall(r"\d+", rows)]


def test_the_workflow_of_the_documentation_is_one() -> None:
    """The example of docs/pipeline.md is YAML, and every flag that it gives to the command exists."""
    text = (application_root() / "docs" / "pipeline.md").read_text(encoding="utf-8")
    workflow = yaml.safe_load(text.split("```yaml\n")[1].split("```")[0])
    (job,) = workflow["jobs"].values()
    (script,) = [step["run"] for step in job["steps"] if step.get("id") == "check"]
    words = script.split("lambda-tuner check", 1)[1].split("||")[0].replace("\\\n", " ").split()
    known = RUNNER.invoke(app, ["check", "--help"]).stdout
    flags = [word for word in words if word.startswith("--")]
    assert flags
    assert not [flag for flag in flags if flag not in known]


@pytest.mark.parametrize(
    ("name", "code"),
    [("goal-met", 0), ("no-goal", 0), ("dry-run", 0), ("goal-not-met", 3), ("uncertain", 5), ("failed", 4)],
)
def test_exit_codes_of_runs(name: str, code: int) -> None:
    """Each verdict has its exit code, and a run that failed."""
    assert exit_code_of_run(EXAMPLES[name]()) == code


def test_exit_codes_of_errors() -> None:
    """An invalid request is a usage error, every other failure is a failed run."""
    assert exit_code_of_error("InvalidRequest") == 2
    assert exit_code_of_error("PayloadFailed") == 4


def test_a_reader_that_left_is_no_error_of_ours(capsys: pytest.CaptureFixture[str]) -> None:
    """`| head` may close the pipe: nothing is said of it, and nobody is asked to report it."""

    @expected_errors
    def broken() -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        broken()
    assert capsys.readouterr().err == ""


def test_an_unexpected_error_says_how_to_report_it(capsys: pytest.CaptureFixture[str]) -> None:
    """An error that nobody foresaw is no traceback either; --debug is named."""

    @expected_errors
    def broken() -> None:
        raise KeyError("surprise")

    with pytest.raises(typer.Exit) as caught:
        broken()
    assert caught.value.exit_code == 4
    shown = capsys.readouterr().err
    assert "--debug" in shown
    assert "Traceback" not in shown
