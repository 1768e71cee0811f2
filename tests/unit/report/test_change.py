"""The change in the reader's own tool."""

from __future__ import annotations

import boto3
import pytest

from tests.unit.report import documents
from tests.unit.report.documents import changed
from tuner.report.change import architecture_changes, patch_command, snippets


def test_the_commands_size_is_the_recommended_one() -> None:
    """Ready to be copied."""
    found = {snippet.tool: snippet.text for snippet in snippets(documents.goal_met())}
    assert found["AWS CLI"] == (
        "aws lambda update-function-configuration --function-name thumbnail-api "
        "--region eu-central-1 --memory-size 1024"
    )
    assert found["SAM and CloudFormation"] == "MemorySize: 1024"
    assert found["Terraform"] == "memory_size = 1024"


def test_a_hostile_name_is_one_word_of_the_command() -> None:
    """What is copied into a shell runs nothing else."""
    document = changed(documents.goal_met(), {"function.name": "x; rm -rf ~"})
    assert "--function-name 'x; rm -rf ~' --region" in snippets(document)[0].text


@pytest.mark.parametrize("make", [documents.goal_not_met, documents.uncertain, documents.dry_run, documents.failed_run])
def test_no_change_is_offered_where_the_verdict_does_not_carry_it(make: object) -> None:
    """Only a met goal, or the cheapest where none was asked, is to be acted on."""
    assert callable(make)
    assert snippets(make()) == []


def test_no_change_is_offered_where_nothing_changes() -> None:
    """The size is already right."""
    assert snippets(documents.one_size()) == []


def test_a_local_run_has_no_function_to_update() -> None:
    """There is no deployed function; the template's line remains."""
    assert snippets(documents.local_run())[0].tool == "SAM and CloudFormation"


def test_another_architecture_is_part_of_the_change() -> None:
    """The template's line names it."""
    document = changed(documents.goal_met(), {"current.architecture": "x86_64"})
    assert architecture_changes(document)
    commands = snippets(document)[0].text.splitlines()
    assert commands[1].startswith("aws lambda wait function-updated-v2 --function-name thumbnail-api")
    assert commands[2].endswith("--architectures arm64 --zip-file fileb://function.zip")
    assert (
        "Architectures: [arm64]"
        in {snippet.tool: snippet.text for snippet in snippets(document)}["SAM and CloudFormation"]
    )


def test_an_alias_is_moved_to_the_change() -> None:
    """What was tuned by its alias is reached only when the alias points to a new version."""
    arn = documents.goal_met().function_arn
    document = changed(documents.goal_met(), {"functionArn": f"{arn}:live"})
    commands = snippets(document)[0].text.splitlines()
    assert commands[-2].startswith("version=$(aws lambda publish-version --function-name thumbnail-api ")
    assert commands[-1].endswith('--name live --function-version "$version"')
    document = changed(document, {"functionArn": f"{arn}:7"})
    assert "update-alias" not in snippets(document)[0].text
    document = changed(document, {"functionArn": f"{arn}:$LATEST"})
    assert "publish-version" not in snippets(document)[0].text


def test_an_image_is_not_a_zip_file() -> None:
    """A function without a runtime is a container image."""
    document = changed(documents.goal_met(), {"current.architecture": "x86_64", "function.runtime": None})
    assert "--image-uri IMAGE" in snippets(document)[0].text


def test_the_commands_are_ones_that_the_aws_cli_has() -> None:
    """Operations, waiter and parameters are those of AWS's own description of its API."""
    client = boto3.client("lambda", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
    assert "function_updated_v2" in client.waiter_names
    for operation, parameters in {
        "UpdateFunctionConfiguration": {"FunctionName", "MemorySize"},
        "UpdateFunctionCode": {"FunctionName", "Architectures", "ZipFile", "ImageUri"},
        "PublishVersion": {"FunctionName"},
        "UpdateAlias": {"FunctionName", "Name", "FunctionVersion"},
    }.items():
        assert parameters <= client.meta.service_model.operation_model(operation).input_shape.members.keys()


def test_the_patch_command_names_the_run() -> None:
    """The template's command is offered exactly where there is a change to make."""
    assert patch_command(documents.goal_met()).startswith(f"lambda-tuner patch {documents.goal_met().run_id} --file ")
    assert "--region" not in patch_command(documents.local_run())
    assert patch_command(documents.uncertain()) == ""
