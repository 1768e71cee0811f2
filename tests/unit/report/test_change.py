"""The change in the reader's own tool."""

from __future__ import annotations

import copy

import pytest

from tests.unit.report import documents
from tuner.report.change import architecture_changes, snippets


def test_the_commands_size_is_the_recommended_one() -> None:
    """Ready to be copied."""
    found = {snippet.tool: snippet.text for snippet in snippets(documents.goal_met())}
    assert found["AWS CLI"] == (
        "aws lambda update-function-configuration --function-name thumbnail-api --memory-size 1024"
    )
    assert found["SAM and CloudFormation"] == "MemorySize: 1024"
    assert found["Terraform"] == "memory_size = 1024"


def test_a_hostile_name_is_one_word_of_the_command() -> None:
    """What is copied into a shell runs nothing else."""
    document = documents.goal_met()
    document["function"]["name"] = "x; rm -rf ~"
    assert "--function-name 'x; rm -rf ~' --memory-size" in snippets(document)[0].text


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
    document = copy.deepcopy(documents.goal_met())
    document["current"]["architecture"] = "x86_64"
    assert architecture_changes(document)
    assert "update-function-code --function-name thumbnail-api --architectures arm64" in snippets(document)[0].text
    assert (
        "Architectures: [arm64]"
        in {snippet.tool: snippet.text for snippet in snippets(document)}["SAM and CloudFormation"]
    )
