"""Reading one function of a SAM or CloudFormation template."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tuner.cli.failures import UsageProblem
from tuner.cli.template_function import read_template_function
from tuner.cli.try_handler import plan_function

SAM = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Stage: {Type: String, Default: test}
  Secret: {Type: String}
Globals:
  Function:
    Runtime: python3.12
    Timeout: 20
    Environment:
      Variables: {STAGE: !Ref Stage, LEVEL: info}
Resources:
  Table: {Type: AWS::DynamoDB::Table}
  Thumbnails:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: src/
      Handler: app.handler
      MemorySize: 512
      Layers: [!Ref SomeLayer]
      Environment:
        Variables: {LEVEL: debug, TABLE: !Ref Table, SECRET: !Ref Secret, RETRIES: 3, DEBUG: true}
  Other:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: src/, Handler: index.handler, Runtime: nodejs22.x}
"""


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A SAM template with two functions, and the code of one."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "app.py").write_text("def handler(event, context): ...\n", encoding="utf-8")
    path = tmp_path / "template.yaml"
    path.write_text(SAM, encoding="utf-8")
    return path


def test_globals_and_own_properties_are_merged(template: Path) -> None:
    """A function's own settings win over those of Globals; variables are merged one by one."""
    function = read_template_function(template, "Thumbnails")
    assert function.code_dir == template.parent / "src"
    assert (function.handler, function.memory_mb, function.timeout_s) == ("app.handler", 512, 20)
    assert function.environment == {"STAGE": "test", "LEVEL": "debug", "RETRIES": "3", "DEBUG": "true"}
    assert function.left_out == ("TABLE", "SECRET")
    assert function.has_layers


def test_another_runtime_is_refused(template: Path) -> None:
    """A function that is not Python is refused with its runtime."""
    with pytest.raises(UsageProblem, match=r"nodejs22\.x"):
        read_template_function(template, "Other")


def test_the_function_must_be_named_where_there_are_several(template: Path) -> None:
    """Without --function the error lists the functions; a wrong one too."""
    for logical_id in (None, "Nope"):
        with pytest.raises(UsageProblem) as caught:
            read_template_function(template, logical_id)
        assert "Thumbnails, Other" in caught.value.hint


@pytest.mark.parametrize("text", ["{", "just text", "Resources: {}", "a: [", "Resources: {T: {Type: AWS::SNS::Topic}}"])
def test_what_is_no_template_is_refused(tmp_path: Path, text: str) -> None:
    """Text that is no template, or has no function, is refused with a sentence."""
    path = tmp_path / "template.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageProblem, match="template"):
        read_template_function(path, None)


def test_an_image_is_refused(tmp_path: Path) -> None:
    """A container image cannot be tried from its source."""
    path = tmp_path / "template.yaml"
    path.write_text(
        "Resources: {F: {Type: AWS::Serverless::Function, Properties: {PackageType: Image}}}", encoding="utf-8"
    )
    with pytest.raises(UsageProblem, match="container image"):
        read_template_function(path, None)


def test_flags_win_over_the_template(template: Path) -> None:
    """What the flags say comes first, then the template, then the defaults."""
    planned = plan_function(
        None,
        python=None,
        memory_mb=256,
        timeout_s=None,
        environment={"TABLE": "test", "LAMBDA_TUNER_LOCAL_AWS": "real"},
        template=template,
        logical_id="Thumbnails",
        surroundings={},
    )
    assert (planned.memory_mb, planned.timeout_s, planned.code.handler) == (256, 20, "app.handler")
    assert planned.environment["TABLE"] == "test"
    assert not any(name.startswith("LAMBDA_TUNER_") for name in planned.environment)
    assert any("LAMBDA_TUNER_LOCAL_AWS" in notice for notice in planned.notices)
    assert any("SECRET" in notice and "TABLE" not in notice for notice in planned.notices)
    assert any("layers" in notice for notice in planned.notices)


@pytest.mark.parametrize(
    ("memory_mb", "stated", "assumed"), [(None, True, False), (256, False, False), (None, False, True)]
)
def test_only_a_size_that_nobody_said_is_assumed(
    template: Path, memory_mb: int | None, stated: bool, assumed: bool
) -> None:
    """The template's size and the flag's are today's; where both are silent it is called assumed."""
    if not stated:
        text = template.read_text(encoding="utf-8")
        template.write_text(re.sub(r".*MemorySize.*\n", "", text), encoding="utf-8")
    planned = plan_function(
        None,
        python=None,
        memory_mb=memory_mb,
        timeout_s=None,
        environment={},
        template=template,
        logical_id="Thumbnails",
        surroundings={},
    )
    assert planned.size_assumed is assumed
    assert (planned.template, planned.logical_id) == (template.resolve(), "Thumbnails")


def test_a_handler_that_the_template_only_builds_is_explained(template: Path) -> None:
    """A handler that is not where the template says is refused with what to do."""
    (template.parent / "src" / "app.py").unlink()
    with pytest.raises(UsageProblem, match="is not in") as caught:
        plan_function(
            None,
            python=None,
            memory_mb=None,
            timeout_s=None,
            environment={},
            template=template,
            logical_id="Thumbnails",
            surroundings={},
        )
    assert ".aws-sam/build" in caught.value.hint


@pytest.mark.parametrize(("memory_mb", "timeout_s"), [(64, None), (20_000, None), (None, 0), (None, 901)])
def test_sizes_and_time_outs_that_lambda_lacks_are_refused(
    template: Path, memory_mb: int | None, timeout_s: int | None
) -> None:
    """A memory size or a time-out out of bounds is refused before anything starts."""
    with pytest.raises(UsageProblem, match="between"):
        plan_function(
            str(template.parent / "src" / "app.py"),
            python=None,
            memory_mb=memory_mb,
            timeout_s=timeout_s,
            environment={},
            template=None,
            logical_id=None,
            surroundings={},
        )
