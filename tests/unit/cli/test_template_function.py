"""Reading one function of a SAM or CloudFormation template."""

from __future__ import annotations

import json
import platform
import re
import sys
import venv
from pathlib import Path
from typing import Any

import pytest

from tuner.cli.commands.try_handler import FunctionFlags
from tuner.cli.failures import UsageProblem
from tuner.cli.template_function import TemplateFunction, read_template_function
from tuner.cli.try_handler import TriedFunction, plan_function
from tuner.embedded.deploy import DeploymentFailed

SAM = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Stage: {Type: String, Default: test}
  Secret: {Type: String}
  Size: {Type: Number, Default: 512}
  Key: {Type: "AWS::SSM::Parameter::Value<String>", Default: /shop/key}
Mappings:
  ByStage: {test: {Storage: 2048}, live: {Storage: 4096}}
Globals:
  Function:
    Runtime: python3.12
    Timeout: 20
    Architectures: [arm64]
    Layers: [!Ref Shared]
    Environment:
      Variables: {STAGE: !Ref Stage, LEVEL: info}
Resources:
  Table: {Type: AWS::DynamoDB::Table}
  Thumbnails:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: src/
      Handler: app.handler
      MemorySize: !Ref Size
      EphemeralStorage: {Size: !FindInMap [ByStage, !Ref Stage, Storage]}
      Layers: [!Ref Unbuilt, !Sub "arn:${AWS::Partition}:layer:theirs:3", !ImportValue x]
      Environment:
        Variables:
          {LEVEL: debug, TABLE: !Ref Table, SECRET: !Ref Secret, RETRIES: 3, DEBUG: true, KEY: !Ref Key,
           NAME: !Sub "shop-${Stage}", ARN: !Sub "${Table.Arn}/x"}
  Shared: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: layers/shared}}
  Unbuilt:
    Type: AWS::Serverless::LayerVersion
    Metadata: {BuildMethod: python3.12}
    Properties: {ContentUri: layers/unbuilt}
  Other:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: src/, Handler: index.handler, Runtime: nodejs22.x}
"""


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A SAM template with two functions, and the code of one."""
    for folder in ("src", "layers/shared", "layers/unbuilt"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "src" / "app.py").write_text("def handler(event, context): ...\n", encoding="utf-8")
    path = tmp_path / "template.yaml"
    path.write_text(SAM, encoding="utf-8")
    return path


def test_globals_and_own_properties_are_merged(template: Path) -> None:
    """A function's own settings win over those of Globals; variables are merged one by one."""
    function = read_template_function(template, "Thumbnails")
    assert function.code_dir == template.parent / "src"
    assert (function.handler, function.memory_mb, function.timeout_s) == ("app.handler", 512, 20)
    assert (function.runtime, function.architecture, function.ephemeral_storage_mb) == ("python3.12", "arm64", 2048)
    assert function.environment == {
        "STAGE": "test", "LEVEL": "debug", "RETRIES": "3", "DEBUG": "true", "NAME": "shop-test",
    }  # fmt: skip
    assert function.left_out == ("TABLE", "SECRET", "KEY", "ARN")
    assert function.layer_dirs == (template.parent / "layers" / "shared",)
    assert function.other_layers == (
        "Unbuilt",
        "arn:${AWS::Partition}:layer:theirs:3",
        "one by reference",
    )
    assert function.unknown == ()


def test_a_function_of_cloudformation_has_no_globals(tmp_path: Path) -> None:
    """``AWS::Lambda::Function`` has what it says itself; of ``Code`` a folder is read, as ``package`` does."""
    (tmp_path / "code").mkdir()
    path = tmp_path / "template.json"
    properties = {
        "Code": "code", "Handler": "app.handler", "Runtime": "python3.13", "Architectures": ["arm64"],
        "MemorySize": 1024, "Timeout": 60, "EphemeralStorage": {"Size": 1024},
        "Environment": {"Variables": {"LEVEL": "debug"}},
    }  # fmt: skip
    resource = {"Type": "AWS::Lambda::Function", "Properties": properties}
    document = {"Globals": {"Function": {"MemorySize": 128, "Layers": ["x"]}}, "Resources": {"F": resource}}
    path.write_text(json.dumps(document), encoding="utf-8")
    assert read_template_function(path, None) == TemplateFunction(
        logical_id="F",
        code_dir=tmp_path / "code",
        handler="app.handler",
        runtime="python3.13",
        architecture="arm64",
        memory_mb=1024,
        timeout_s=60,
        ephemeral_storage_mb=1024,
        environment={"LEVEL": "debug"},
    )


def test_anchors_and_merges(tmp_path: Path) -> None:
    """``<<`` takes over what another mapping has; what stands beside it wins, and so does the first of several."""
    path = tmp_path / "template.yaml"
    path.write_text(
        """
x-small: &small {MemorySize: 256, Timeout: 5, Environment: {Variables: &variables {ON: yes, LEVEL: info}}}
x-python: &python {Runtime: python3.12, Timeout: 9}
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties:
      <<: [*small, *python]
      CodeUri: .
      Handler: app.handler
      Environment:
        Variables:
          <<: *variables
          LEVEL: debug
  G: {Type: AWS::Serverless::Function, Properties: {<<: *python, CodeUri: ., Handler: app.other}}
""",
        encoding="utf-8",
    )
    function = read_template_function(path, "F")
    assert (function.memory_mb, function.timeout_s, function.runtime) == (256, 5, "python3.12")
    assert function.environment == {"ON": "true", "LEVEL": "debug"}
    assert read_template_function(path, "G").timeout_s == 9


@pytest.mark.parametrize("value", ["[512]", "{a: 1}", "text", "true", "1e400", '{"Fn::If": 5}'])
def test_a_number_that_is_none_is_named(value: str, tmp_path: Path) -> None:
    """Whatever stands there, it is said that the setting is not known."""
    path = tmp_path / "template.yaml"
    properties = f"{{Handler: app.handler, MemorySize: {value}, Timeout: {value}}}"
    path.write_text(f"Resources: {{F: {{Type: AWS::Lambda::Function, Properties: {properties}}}}}", encoding="utf-8")
    assert read_template_function(path, None).unknown == ("MemorySize", "Timeout")


def test_dynamic_references_are_left_to_aws(tmp_path: Path) -> None:
    """A secret's reference is not handed to the function as if it were the secret."""
    path = tmp_path / "template.yaml"
    path.write_text(
        """
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: .
      Handler: app.handler
      Timeout: "{{resolve:ssm:/timeout}}"
      Environment:
        Variables:
          URL: "https://{{resolve:ssm:/host:1}}/"
          KEY: "{{resolve:secretsmanager:shop:SecretString:key}}"
          BRACES: "{{name}}"
""",
        encoding="utf-8",
    )
    function = read_template_function(path, None)
    assert (function.environment, function.left_out) == ({"BRACES": "{{name}}"}, ("URL", "KEY"))
    assert function.unknown == ("Timeout",)


def test_settings_that_only_aws_knows_are_named(tmp_path: Path) -> None:
    """A reference that no parameter or mapping answers leaves its setting unset, and is not passed over in silence."""
    path = tmp_path / "template.yaml"
    path.write_text(
        """
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.handler
      Runtime: !ImportValue runtime
      Architectures: [!If [Arm, arm64, x86_64]]
      MemorySize: !GetAtt Macro.Size
      Timeout: !If [Long, 60, 3]
      EphemeralStorage: {Size: !ImportValue size}
      Environment: !If [Live, {Variables: {A: b}}, !Ref AWS::NoValue]
""",
        encoding="utf-8",
    )
    function = read_template_function(path, None)
    assert function.unknown == (
        "Runtime", "Architectures", "MemorySize", "Timeout", "Environment", "EphemeralStorage",
    )  # fmt: skip
    assert (function.memory_mb, function.timeout_s, function.architecture) == (None, None, None)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("Resources: [F]", "Resources"),
        ("Globals: [a]\nResources: {F: {Type: AWS::Serverless::Function}}", "Globals"),
        ("Globals: {Function: [a]}\nResources: {F: {Type: AWS::Serverless::Function}}", "Globals.Function"),
        ("Parameters: [a]\nResources: {F: {Type: AWS::Serverless::Function}}", "Parameters"),
        ("Mappings: a\nResources: {F: {Type: AWS::Serverless::Function}}", "Mappings"),
        ("Resources: {F: {Type: AWS::Serverless::Function, Properties: text}}", "F.Properties"),
    ],
)
def test_a_section_of_the_wrong_kind_is_named(text: str, place: str, tmp_path: Path) -> None:
    """A template that CloudFormation would refuse ends with a sentence."""
    path = tmp_path / "template.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageProblem, match=f": {re.escape(place)} must hold names and values"):
        read_template_function(path, None)


def test_what_sam_cannot_read_is_refused(tmp_path: Path) -> None:
    """A reference into a mapping that is none ends with SAM's own sentence."""
    path = tmp_path / "template.yaml"
    path.write_text(
        "Mappings: {M: text}\n"
        "Resources: {F: {Type: AWS::Serverless::Function, Properties: {Timeout: !FindInMap [M, a, b]}}}",
        encoding="utf-8",
    )
    with pytest.raises(DeploymentFailed, match="FindInMap"):
        read_template_function(path, None)


def test_code_in_an_archive_is_refused_with_what_to_do(template: Path) -> None:
    """CodeUri may name an archive; a folder is needed here."""
    (template.parent / "built.zip").write_bytes(b"PK")
    text = template.read_text(encoding="utf-8").replace("CodeUri: src/", "CodeUri: built.zip")
    template.write_text(text, encoding="utf-8")
    with pytest.raises(UsageProblem, match="not a folder") as caught:
        read_template_function(template, "Thumbnails")
    assert "unpack it" in caught.value.hint
    assert plan(template, code_root=template.parent / "src").code.handler == "app.handler"
    assert plan(template, str(template.parent / "src" / "app.py")).code.handler == "app.handler"


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
        FunctionFlags(
            memory_mb=256, env=["TABLE=test", "LAMBDA_TUNER_LOCAL_AWS=real"], template=template, logical_id="Thumbnails"
        ),
        surroundings={},
    )
    assert (planned.memory_mb, planned.timeout_s, planned.code.handler) == (256, 20, "app.handler")
    assert planned.environment["TABLE"] == "test"
    assert not any(name.startswith("LAMBDA_TUNER_") for name in planned.environment)
    assert any("LAMBDA_TUNER_LOCAL_AWS" in notice for notice in planned.notices)
    assert any("SECRET" in notice and "TABLE" not in notice for notice in planned.notices)
    assert any("Unbuilt, arn:${AWS::Partition}:layer:theirs:3" in notice for notice in planned.notices)
    assert planned.known.layer_dirs == (template.parent / "layers" / "shared",)
    assert planned.known.ephemeral_storage_mb == 2048


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
        None, FunctionFlags(memory_mb=memory_mb, template=template, logical_id="Thumbnails"), surroundings={}
    )
    assert planned.size_assumed is assumed
    assert (planned.template, planned.known.logical_id) == (template.resolve(), "Thumbnails")


def test_a_handler_that_the_template_only_builds_is_explained(template: Path) -> None:
    """A handler that is not where the template says is refused with what to do."""
    (template.parent / "src" / "app.py").unlink()
    with pytest.raises(UsageProblem, match="is not in") as caught:
        plan_function(None, FunctionFlags(template=template, logical_id="Thumbnails"), surroundings={})
    assert ".aws-sam/build" in caught.value.hint


@pytest.mark.parametrize(("memory_mb", "timeout_s"), [(64, None), (20_000, None), (None, 0), (None, 901)])
def test_sizes_and_time_outs_that_lambda_lacks_are_refused(
    template: Path, memory_mb: int | None, timeout_s: int | None
) -> None:
    """A memory size or a timeout out of bounds is refused before anything starts."""
    with pytest.raises(UsageProblem, match="between"):
        plan_function(
            str(template.parent / "src" / "app.py"),
            FunctionFlags(memory_mb=memory_mb, timeout_s=timeout_s),
            surroundings={},
        )


def plan(template: Path, target: str | None = None, **given: Any) -> TriedFunction:
    """Plan the template's function with these flags and nothing else."""
    flags = FunctionFlags(**({"python": sys.executable, "template": template, "logical_id": "Thumbnails"} | given))
    return plan_function(target, flags, surroundings={})


@pytest.mark.parametrize(
    ("machine", "architecture", "said"),
    [("x86_64", "arm64", True), ("aarch64", "arm64", False), ("arm64", None, False)],
)
def test_the_templates_architecture_counts(
    template: Path, monkeypatch: pytest.MonkeyPatch, machine: str, architecture: str | None, said: bool
) -> None:
    """Prices follow the template's architecture; where the machine has another, that is said once."""
    monkeypatch.setattr(platform, "machine", lambda: machine)
    if architecture is None:
        text = template.read_text(encoding="utf-8").replace("    Architectures: [arm64]\n", "")
        template.write_text(text, encoding="utf-8")
    planned = plan(template)
    assert planned.known.architecture == architecture
    assert sum("prices are those of arm64" in notice for notice in planned.notices) == said


def test_a_functions_own_architecture_wins(template: Path) -> None:
    """SAM puts the lists of Globals before those of the function."""
    text = template.read_text(encoding="utf-8").replace(
        "      MemorySize:", "      Architectures: [x86_64]\n      MemorySize:"
    )
    template.write_text(text, encoding="utf-8")
    assert read_template_function(template, "Thumbnails").architecture == "x86_64"


@pytest.mark.parametrize(("version", "said"), [("3.12", False), ("3.10", True)])
def test_another_python_than_the_runtimes_is_said(template: Path, tmp_path: Path, version: str, said: bool) -> None:
    """One notice compares the interpreter with the runtime, and says what to do."""
    python = tmp_path / "python"
    answer = f'[[{version.replace(".", ", ")}, 4], false, "{python}", []]'
    python.write_text(
        f'#!/bin/sh\ncase "$*" in *sys.version*) echo \'{answer}\';; *) exec "{sys.executable}" "$@";; esac\n'
    )
    python.chmod(0o755)
    notices = [notice for notice in plan(template, python=str(python)).notices if "python3.12" in notice]
    assert len(notices) == said
    assert all(f"under Python {version}.4" in notice and "--python " in notice for notice in notices)


def test_a_time_out_that_cannot_be_measured_is_cut(template: Path) -> None:
    """Templates often have Lambda's longest timeout; the longest that is measured takes its place, and is said."""
    text = template.read_text(encoding="utf-8").replace("Timeout: 20", "Timeout: 900")
    template.write_text(text, encoding="utf-8")
    planned = plan(template)
    assert planned.timeout_s == 840
    assert any("timeout of 900 s" in notice for notice in planned.notices)


def test_a_named_handler_keeps_the_templates_code_root(template: Path) -> None:
    """A handler below CodeUri begins there; one elsewhere where its imports say; --code-root wins over both."""
    deeper = template.parent / "src" / "deep" / "other.py"
    deeper.parent.mkdir()
    deeper.write_text("def handler(event, context): ...\n", encoding="utf-8")
    assert plan(template, f"{deeper}:handler").code.handler == "deep.other.handler"
    assert plan(template, f"{deeper}:handler", code_root=deeper.parent).code.handler == "other.handler"
    outside = template.parent / "outside.py"
    outside.write_text("def handler(event, context): ...\n", encoding="utf-8")
    assert plan(template, f"{outside}:handler").code.code_dir == template.parent
    with pytest.raises(UsageProblem, match=r"--code-root .* is not a folder"):
        plan(template, code_root=outside)


def test_boto3_of_lambdas_python_is_named_before_the_run(template: Path, tmp_path: Path) -> None:
    """A handler that imports boto3 under a Python without it gets a notice with how to install it."""
    venv.EnvBuilder(symlinks=True).create(tmp_path / "bare")
    bare = tmp_path / "bare" / "bin" / "python"
    (template.parent / "src" / "app.py").write_text(
        "import boto3\ndef handler(event, context): ...\n", encoding="utf-8"
    )
    said = [notice for notice in plan(template, python=str(bare)).notices if "boto3" in notice]
    assert len(said) == 1
    assert "-m pip install boto3" in said[0]
    assert not any("boto3" in notice for notice in plan(template).notices)
