"""The published schema and its examples."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.unit.report import documents
from tuner.core.answer.codec import OUTPUT_FIELDS, POWER_TUNING_NAMES, encode

ROOT = Path(__file__).parents[3]
SCHEMA: dict[str, Any] = json.loads((ROOT / "docs/schema/report.schema.json").read_text())
EXAMPLES = sorted((ROOT / "docs/schema/examples").glob("*.json"))
STRICT = {**SCHEMA, "$id": "urn:lambda-tuner:schema:strict"}


def strict(schema: Any) -> Any:
    """The schema with every object closed, so that a field nobody described is found."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: strict(value) for key, value in schema.items()}
    if "properties" in closed and "type" in closed and "verdict" not in closed["properties"]:
        closed.setdefault("additionalProperties", False)
    return closed


VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
STRICT_VALIDATOR = jsonschema.Draft202012Validator(
    {**strict({**SCHEMA, "$id": "urn:lambda-tuner:schema:strict"}), "additionalProperties": False}
)
EVIDENCE = SCHEMA["$defs"]["evidence"]["required"]


def described_nodes(schema: Any, place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every property and definition with its place."""
    if isinstance(schema, list):
        for index, item in enumerate(schema):
            yield from described_nodes(item, f"{place}/{index}")
    if isinstance(schema, dict):
        for group in ("properties", "$defs"):
            for name, node in schema.get(group, {}).items():
                yield f"{place}/{group}/{name}", node
        for key, value in schema.items():
            yield from described_nodes(value, f"{place}/{key}")


def test_the_schema_is_a_schema() -> None:
    """The file follows the JSON Schema draft that it names."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_every_property_and_definition_is_described() -> None:
    """A reader finds the meaning of each field in the schema itself."""
    missing = [place for place, node in described_nodes(SCHEMA) if len(node.get("description", "")) < 10]
    assert not missing


def test_every_number_says_its_unit() -> None:
    """A field that holds a number names its unit, or says that it is a ratio, a count or a probability."""
    units = (
        "millisecond", "megabyte", "second", "minute", "US dollar", "ratio", "count", "probability", "Probability",
        "Percentile", "unit", "Version", "same within", "counted",
    )  # fmt: skip
    numeric = [
        (place, node)
        for place, node in described_nodes(SCHEMA)
        if {"number", "integer"}
        & set([node.get("type")] if isinstance(node.get("type"), str) else node.get("type", []))
        and "string" not in node.get("type", [])
    ]
    assert numeric
    assert not [place for place, node in numeric if not any(unit in node["description"] for unit in units)]


def test_there_is_an_example_of_every_ending() -> None:
    """Each verdict, the failure and the dry run have a literal example."""
    loaded = [json.loads(path.read_text()) for path in EXAMPLES]
    assert {document.get("verdict") for document in loaded} >= {
        "GOAL_MET", "GOAL_NOT_MET", "UNCERTAIN", "NO_GOAL", "DRY_RUN", None,
    }  # fmt: skip
    assert any("error" in document for document in loaded)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_are_valid_and_hold_nothing_undescribed(path: Path) -> None:
    """Every example follows the schema, also when no field beyond it is allowed."""
    document = json.loads(path.read_text())
    VALIDATOR.validate(document)
    STRICT_VALIDATOR.validate(document)


@pytest.mark.parametrize("name", ["goal-met", "goal-not-met", "uncertain", "no-goal", "local"])
def test_examples_of_answers_hold_all_evidence(name: str) -> None:
    """What report.json adds to the execution's output is all there."""
    document = json.loads((ROOT / f"docs/schema/examples/{name}.json").read_text())
    assert not [field for field in EVIDENCE if field not in document]


def test_the_output_example_has_the_fields_of_an_execution_output() -> None:
    """The output is the document without its evidence; the example is of a version that did not decide."""
    document = json.loads((ROOT / "docs/schema/examples/execution-output.json").read_text())
    assert set(document) == set(OUTPUT_FIELDS) - {"estimate", "error", "decision", "currency", *POWER_TUNING_NAMES}


def test_the_example_for_power_tuning_has_its_fields_too() -> None:
    """The output beside ours, its averages those of the recommended size."""
    document = json.loads((ROOT / "docs/schema/examples/power-tuning-output.json").read_text())
    assert set(POWER_TUNING_NAMES) <= set(document) <= set(OUTPUT_FIELDS)
    row = next(row for row in document["stats"] if row["value"] == document["power"])
    assert (row["averagePrice"], row["averageDuration"]) == (document["cost"], document["duration"])
    assert document["power"] == document["recommended"]["memoryMb"]
    assert document["stateMachine"]["lambdaCost"] == document["spentUsd"]


@pytest.mark.parametrize(
    "make", [*documents.EXAMPLES.values(), documents.one_size, documents.two_architectures, documents.hundred_sizes]
)
def test_the_test_documents_follow_the_schema(make: Any) -> None:
    """What the renderers are tested with is what runs may leave."""
    STRICT_VALIDATOR.validate(json.loads(json.dumps(encode(make()))))


@pytest.mark.parametrize(
    "change",
    [
        {"verdict": "PERFECT"},
        {"recommended": None},
        {"schemaVersion": 2},
        {"spentUsd": -1},
        {"confidence": 94},
        {"where": "moon"},
        {"error": {"name": "X", "message": "y", "hint": ""}},
    ],
)
def test_what_contradicts_the_contract_is_refused(change: dict[str, Any]) -> None:
    """A document with a wrong field is not valid."""
    assert not VALIDATOR.is_valid({**encode(documents.goal_met()), **change})
