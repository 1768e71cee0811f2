"""``lambda-tuner.toml``: which table is a function's, and what is refused, with its place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tuner.application import application_root
from tuner.cli.app import app
from tuner.cli.failures import UsageProblem
from tuner.cli.flags import ConfigFlags
from tuner.cli.options import build_request
from tuner.cli.settings import KEYS, Settings, Subject, read_settings
from tuner.cli.tune_function import subject_of

FILE = """
[defaults]
confidence = 0.8
max-cost = 0.5

[functions.thumbnails]
names = ["Thumbs", "src/app.py:handler"]
goal = "p95=300ms"
payload = "events/one.json"
max-cost = 0.1
max-cost-per-million = 5

[functions."orders:live"]
sizes = "128,512"
"""


@pytest.fixture(autouse=True)
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a file of settings; the working folder is two below."""
    (tmp_path / "lambda-tuner.toml").write_text(FILE, encoding="utf-8")
    for folder in ("events", "src/deep"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "events" / "one.json").write_text('{"n": 1}', encoding="utf-8")
    (tmp_path / "src" / "app.py").write_text("def handler(event, context): ...\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path / "src" / "deep")
    return tmp_path


def read(subject: Subject, config: Path | None = None) -> Settings:
    """What the file says, without a word about it."""
    return read_settings(subject, ConfigFlags(config), quiet=True)


@pytest.mark.parametrize(
    "subject",
    [
        subject_of("thumbnails"),
        subject_of("arn:aws:lambda:eu-west-1:123456789012:function:thumbnails:live"),
        Subject(("Thumbs",)),
        Subject((), Path("../app.py"), "handler"),
    ],
)
def test_a_table_is_found_by_name_logical_id_and_handler(subject: Subject, repository: Path) -> None:
    """One table serves all commands; it wins over the defaults, and its payload lies beside the file."""
    request = build_request("f", read(subject).under({}), local=False)
    assert request == {
        "lambdaARN": "f",
        "goal": {"percentile": 95, "limitMs": 300},
        "payload": {"n": 1},
        "budget": {"maxCostUsd": 0.1},
        "confidence": 0.8,
    }
    assert read(subject).max_cost_per_million_usd == 5


def test_a_table_of_a_version_is_not_the_functions() -> None:
    """A name with a qualifier is that alone; another function has the defaults."""
    assert read(subject_of("orders:live")).fields["memory"] == "128,512"
    assert read(subject_of("orders")).fields == {"confidence": 0.8, "budget.maxCostUsd": 0.5}
    assert read(Subject((), Path("../app.py"), "other")).fields == {"confidence": 0.8, "budget.maxCostUsd": 0.5}


def test_flags_win_over_the_file(tmp_path: Path) -> None:
    """What was typed stays; an event from a bucket leaves the file's out."""
    typed = {"goal": "p50=1s", "payloadS3": "s3://b/k", "budget.maxCostUsd": 2}
    flags = read(subject_of("thumbnails")).under(typed)
    assert flags == typed | {"confidence": 0.8}


def test_another_file_or_none(tmp_path: Path) -> None:
    """--config names the file, --no-config reads none."""
    other = tmp_path / "other.toml"
    other.write_text("[defaults]\ntolerance = 0.1\n", encoding="utf-8")
    assert read(subject_of("thumbnails"), other).fields == {"tolerance": 0.1}
    assert read_settings(subject_of("thumbnails"), ConfigFlags(no_config=True), quiet=True).fields == {}
    with pytest.raises(UsageProblem, match=r"missing.toml cannot be read"):
        read(subject_of("thumbnails"), tmp_path / "missing.toml")


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ('[functions.f]\ngaol = "p95=1s"', ["[functions.f] gaol is not a setting (did you mean goal?)"]),
        ("[functions.f]\nmax_cost = 1", ["[functions.f] max_cost is not a setting (did you mean max-cost?)"]),
        ('[functions.other]\nconfidence = "0.9"', ['[functions.other] confidence is "0.9": it must be a number']),
        ("[defaults]\nmax-invocations = true", ["[defaults] max-invocations is true: it must be a whole number"]),
        ("[defaults]\nnames = []", ["[defaults] names is not a setting of [defaults]."]),
        ('[functions.f]\nnames = "f"', ['[functions.f] names is "f": it must be a list of texts']),
        ("[function.f]\n", ["function is neither [defaults] nor [functions.NAME] (did you mean functions?)"]),
        ('goal = "p95=1s"', ["goal is neither [defaults] nor [functions.NAME]"]),
        ("defaults = 7\n", ["defaults is 7: it must be a table"]),
        ('functions = "f"\n', ['functions is "f": it must be a table']),
        ("[functions]\nf = 1\n", ["functions.f is 1: it must be a table"]),
        (
            '[defaults]\nconfidence = 2\n[functions.f]\ngoal = "fast"\nmax-invocations = 1\nmax-cost-per-million = 0\n'
            'payload = "none.json"\nsizes = "big"',
            [
                "[defaults] confidence is 2: it must lie between 0.5 and 0.999",
                '[functions.f] goal is "fast": write it as p95=300ms',
                "[functions.f] max-invocations is 1: it must",
                "[functions.f] max-cost-per-million is 0: it must be above 0",
                "none.json cannot be read",
                "[functions.f] sizes 'big' is neither a range",
            ],
        ),
        ('[functions.f]\npayload = "~/none.json"', [f"payload {Path.home()}/none.json cannot be read"]),
        ("goal = ", ["is not TOML"]),
        ("[functions.f]\n[functions.g]\nnames = ['f']", ["[functions.f] and [functions.g] both match this function"]),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(text: str, sentences: list[str], repository: Path) -> None:
    """File, table and key are named, with what is allowed or was perhaps meant."""
    (repository / "lambda-tuner.toml").write_text(text, encoding="utf-8")
    with pytest.raises(UsageProblem) as refused:
        read(subject_of("f"))
    assert f"{repository / 'lambda-tuner.toml'}" in refused.value.message
    assert not [sentence for sentence in sentences if sentence not in refused.value.message], refused.value.message


@pytest.mark.parametrize(("words", "says"), [([], True), (["--quiet"], False), (["--no-config"], False)])
def test_the_tables_that_were_used_are_said_first(words: list[str], says: bool, repository: Path) -> None:
    """The first line names file and tables, unless --quiet; the settings count, as the refusal shows."""
    file = repository / "lambda-tuner.toml"
    result = CliRunner().invoke(app, ["check", "thumbnails", "--state-machine", "x", *words])
    assert result.exit_code == 2
    line = f"Settings: [functions.thumbnails] and [defaults] in {file}."
    assert (result.stderr.replace("\n", " ").startswith(line)) == says


def test_the_example_of_the_documentation_is_one(repository: Path) -> None:
    """The example of docs/command.md can be used, and the text names every setting."""
    text = (application_root() / "docs" / "command.md").read_text(encoding="utf-8")
    section = text.split("\n## `lambda-tuner.toml`\n")[1].split("\n## ")[0]
    (repository / "lambda-tuner.toml").write_text(section.split("```toml\n")[1].split("```")[0], encoding="utf-8")
    (repository / "tests").mkdir()
    for name in re.findall(r'payload = "(.*)"', section):
        (repository / name).write_text("{}", encoding="utf-8")
    by_name, by_id = read(subject_of("shop-thumbnails")), read(Subject(("Thumbnails",)))
    assert by_name == by_id
    assert by_name.fields["goal"] == "p95=300ms"
    assert not [key for key in (*KEYS, "names") if f"`{key}`" not in section]
