# ruff: noqa: D103 - the names of helpers and probes say what they do
"""From the SAM template to CloudFormation, and from folders to archives."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.integration.embedded.conftest import APPLICATION
from tuner.application import application_root
from tuner.embedded.deploy import DeploymentFailed, own_code_archive, read_template, transform
from tuner.embedded.log_filter import matches_filter


def names(archive: bytes) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(archive)) as packed:
        return packed.namelist()


def test_local_files_go_into_the_template() -> None:
    """Code becomes an S3 address, a definition is put in with its substitutions still to be made."""
    asked: list[Any] = []

    def upload(code_uri: Any) -> str:
        asked.append(code_uri)
        return "s3://code/own.zip"

    result = transform(read_template(APPLICATION), APPLICATION, {}, upload=upload)
    function = result["Resources"]["Echo"]["Properties"]
    machine = result["Resources"]["Tune"]["Properties"]
    assert asked == ["code/"]
    assert function["Code"] == {"S3Bucket": "code", "S3Key": "own.zip"}
    assert machine["DefinitionSubstitutions"]["EchoArn"] == {"Fn::GetAtt": ["Echo", "Arn"]}
    assert "${EchoArn}" in json.dumps(machine["DefinitionString"])
    assert result["Resources"]["EchoRole"]["Type"] == "AWS::IAM::Role"


def test_a_night_tunes_one_function_after_the_other() -> None:
    """On one machine several runs at once would measure each other; an account's own definition is left as it is."""
    result = transform(read_template(application_root()), application_root(), {}, upload=lambda _: "s3://code/own.zip")
    nightly = json.dumps(result["Resources"]["NightlyStateMachine"]["Properties"]["DefinitionString"])
    assert '\\"MaxConcurrency\\": 1' in nightly
    assert '\\"MaxConcurrency\\": 3' not in nightly


def test_an_invalid_template_lists_its_reasons(tmp_path: Path) -> None:
    """The error names the resource and what is wrong with it."""
    (tmp_path / "template.yaml").write_text(
        "Transform: AWS::Serverless-2016-10-31\nResources:\n  F:\n    Type: AWS::Serverless::Function\n"
        "    Properties: {Handler: a.b, Runtime: python3.11, Policies: [{NoSuchTemplate: {}}], Wrong: 1}\n"
    )
    with pytest.raises(DeploymentFailed, match=r"\[F\]"):
        transform(read_template(tmp_path), tmp_path, {}, upload=lambda _: "s3://a/b")


def test_our_own_code_is_what_functions_run() -> None:
    """The archive holds core, adapters, handlers and report with their data, and no command or embedded AWS."""
    packed = names(own_code_archive())
    assert "tuner/core/errors.py" in packed
    assert "tuner/__init__.py" in packed
    assert not [name for name in packed if name.startswith(("tuner/embedded", "tuner/cli")) or "__pycache__" in name]


def test_packing_gives_the_same_bytes() -> None:
    """The same content gives the same archive, so that clones share one."""
    assert own_code_archive() == own_code_archive()


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("", True),
        ("ERROR", True),
        ("ERROR disk", True),
        ("ERROR network", False),
        ('"disk full"', True),
        ('"full disk"', False),
        ("?network ?disk", True),
        ("?network ?cpu", False),
        ("ERROR -disk", False),
        ("[a, b]", False),
        ('{ $.a = "x" }', False),
    ],
)
def test_text_patterns(pattern: str, matches: bool) -> None:
    """Terms, phrases, alternatives and exclusions."""
    assert matches_filter(pattern, "ERROR: disk full on 1-a") is matches


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ('{ $.type = "platform.report" }', True),
        ('{ $.type = "platform.*" && $.record.metrics.durationMs > 10 }', True),
        ("{ $.record.metrics.durationMs < 10 }", False),
        ('{ $.type = "other" || $.record.status != "error" }', True),
        ('{ $.missing = "x" }', False),
    ],
)
def test_json_patterns(pattern: str, matches: bool) -> None:
    """Conditions on fields, joined by and, or or."""
    message = {"type": "platform.report", "record": {"status": "success", "metrics": {"durationMs": 12.5}}}
    assert matches_filter(pattern, json.dumps(message)) is matches
