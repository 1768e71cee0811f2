"""Small files in the encodings and the YAML that people have."""

from __future__ import annotations

import codecs
import json
from pathlib import Path

import pytest

from tuner.cli.failures import UsageProblem
from tuner.cli.options import build_request, parse_environment, read_payload
from tuner.cli.template_function import read_template_function
from tuner.core.errors import InvalidRequest

EVENT = {"name": "Zoë"}
TEMPLATE = """\
AWSTemplateFormatVersion: 2010-09-09
Transform: AWS::Serverless-2016-10-31
Parameters:
  Level: {Type: String, Default: 007}
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: .
      Handler: app.handler
      Runtime: python3.12
      MemorySize: 512
      Environment:
        Variables:
          ON: enabled
          NO: "1"
          FLAG: yes
          QUOTED: "yes"
          DAY: 2026-11-28
          ACCOUNT: 012345678901
          VERSION: 1.10
          CLOCK: 12:30:00
          LEVEL: !Ref Level
"""


@pytest.mark.parametrize(
    "octets",
    [
        json.dumps(EVENT, ensure_ascii=False).encode(),
        codecs.BOM_UTF8 + json.dumps(EVENT, ensure_ascii=False).encode(),
        json.dumps(EVENT, ensure_ascii=False).encode("utf-16"),
        codecs.BOM_UTF16_BE + json.dumps(EVENT, ensure_ascii=False).encode("utf-16-be"),
    ],
)
def test_payloads_with_byte_order_marks(octets: bytes, tmp_path: Path) -> None:
    """PowerShell writes them."""
    file = tmp_path / "event.json"
    file.write_bytes(octets)
    assert read_payload(file) == EVENT


@pytest.mark.parametrize(
    ("octets", "sentence"),
    [
        (b"A=1\nNAME=Zo\xeb\n", "is not UTF-8 text: line 2 holds the byte 0xeb"),
        ("A=1\n".encode("utf-16-le"), "looks like UTF-16"),
    ],
)
def test_other_encodings_are_named(octets: bytes, sentence: str, tmp_path: Path) -> None:
    """In each file that a flag names."""
    file = tmp_path / ".env"
    file.write_bytes(octets)
    with pytest.raises(UsageProblem, match=sentence) as caught:
        parse_environment([], file)
    assert "--env-file" in caught.value.message
    with pytest.raises(InvalidRequest) as refused:
        build_request("f", {"payload": file}, local=False)
    assert sentence in refused.value.problems[0]
    with pytest.raises(UsageProblem, match=sentence):
        read_template_function(file, None)


def test_an_env_file_in_utf_16(tmp_path: Path) -> None:
    """PowerShell's > writes it."""
    file = tmp_path / ".env"
    file.write_bytes("A=1\r\nexport B='zwei'\r\n".encode("utf-16"))
    assert parse_environment([], file) == {"A": "1", "B": "zwei"}


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("AA=1 # a comment\n", {"AA": "1"}),
        ('AA="1" # a comment\n', {"AA": "1"}),
        ("URL=postgres://u:p#x@h/db\n", {"URL": "postgres://u:p#x@h/db"}),
        ("AA='x # y'\n", {"AA": "x # y"}),
        ('KEY="-----BEGIN\nabc=\n-----END"\nBB=2\n', {"KEY": "-----BEGIN\nabc=\n-----END", "BB": "2"}),
        ('KEY="-----BEGIN\\nabc\\n"\n', {"KEY": "-----BEGIN\nabc\n"}),
        ("KEY='a\\nb'\n", {"KEY": "a\\nb"}),
        ('JSON="{\\"a\\": 1}"\n', {"JSON": '{"a": 1}'}),
        ('JSON={"a": "b"}\n', {"JSON": '{"a": "b"}'}),
        ("AA=x\u2028y\n", {"AA": "x\u2028y"}),
        ("AA=C:\\new\nBB=it's\n", {"AA": "C:\\new", "BB": "it's"}),
        ("AA=${HOME}\n", {"AA": "${HOME}"}),
    ],
)
def test_an_env_file_as_other_tools_read_it(text: str, variables: dict[str, str], tmp_path: Path) -> None:
    """Comments, quotes, escapes and values of several lines; the machine's own variables stay out of it."""
    file = tmp_path / ".env"
    file.write_text(text, encoding="utf-8")
    assert parse_environment([], file) == variables


def test_a_secret_in_a_malformed_line_is_not_repeated(tmp_path: Path) -> None:
    """Errors land in the logs of pipelines."""
    file = tmp_path / ".env"
    file.write_text("\n\nDB PASSWORD=hunter2\n", encoding="utf-8")
    for pairs, env_file, where in (([], file, "line 3"), (["DB PASSWORD=hunter2"], None, "--env")):
        with pytest.raises(UsageProblem, match=where) as caught:
            parse_environment(pairs, env_file)
        assert "hunter2" not in caught.value.message + caught.value.hint
        assert "NAME=value" in caught.value.message


def test_a_payload_that_is_nested_too_deeply_or_has_too_many_digits(tmp_path: Path) -> None:
    """A sentence, no crash."""
    file = tmp_path / "event.json"
    file.write_text("[" * 100_000 + "]" * 100_000, encoding="utf-8")
    with pytest.raises(ValueError, match="nested too deeply"):
        read_payload(file)
    file.write_text("9" * 5_000, encoding="utf-8")
    with pytest.raises(ValueError, match=r"event\.json holds a number with too many digits"):
        read_payload(file)


def test_a_template_keeps_texts_as_texts(tmp_path: Path) -> None:
    """Names that YAML takes for truth values, dates, numbers with leading zeros."""
    file = tmp_path / "template.yaml"
    file.write_bytes(codecs.BOM_UTF8 + TEMPLATE.encode())
    function = read_template_function(file, None)
    assert function.memory_mb == 512
    assert function.environment == {
        "ON": "enabled",
        "NO": "1",
        "FLAG": "true",
        "QUOTED": "yes",
        "DAY": "2026-11-28",
        "ACCOUNT": "012345678901",
        "VERSION": "1.10",
        "CLOCK": "12:30:00",
        "LEVEL": "007",
    }


def test_a_template_in_utf_16_is_refused(tmp_path: Path) -> None:
    """CloudFormation and SAM read UTF-8."""
    file = tmp_path / "template.yaml"
    file.write_bytes(TEMPLATE.encode("utf-16"))
    with pytest.raises(UsageProblem, match="looks like UTF-16"):
        read_template_function(file, None)
