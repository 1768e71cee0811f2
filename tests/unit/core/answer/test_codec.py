"""The report's value and its JSON: examples come back as they are, what does not fit is named, the schema agrees."""

from __future__ import annotations

import dataclasses
import json
import typing
from collections.abc import Mapping
from pathlib import Path
from types import NoneType
from typing import Any, Literal

import pytest

from tuner.core.answer.codec import decode, encode
from tuner.core.answer.report import Answer, DryRun, Failure
from tuner.core.json_shape import camel_case

SCHEMA_FOLDER = Path(__file__).parents[4] / "docs/schema"
SCHEMA: dict[str, Any] = json.loads((SCHEMA_FOLDER / "report.schema.json").read_text())
EXAMPLES = sorted((SCHEMA_FOLDER / "examples").glob("*.json"))


def within(data: Any, like: Any) -> Any:
    """The fields of *data* that *like* has, in its order: examples are of the first version, and reports have more."""
    if isinstance(like, dict):
        return {name: within((data or {}).get(name), value) for name, value in like.items()}
    if isinstance(like, list):
        return [within(one, other) for one, other in zip(data, like, strict=True)]
    return data


def more_than(data: Any, like: Any) -> set[str]:
    """Names of the fields with something in them that *like* has not."""
    if isinstance(data, list):
        return {name for one, other in zip(data, like or [], strict=False) for name in more_than(one, other)}
    if not isinstance(data, dict):
        return set()
    more = {name for name, value in data.items() if name not in (like or {}) and value not in (None, [], {}, 0)}
    return more | {name for key, value in data.items() for name in more_than(value, (like or {}).get(key))}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_comes_back_as_it_was(path: Path) -> None:
    """Every value to its last digit, whatever the order of the fields; fields of later versions hold nothing."""
    example = json.loads(path.read_text())
    again = json.loads(json.dumps(encode(decode(example))))
    assert json.dumps(within(again, example)) == json.dumps(example)
    assert not more_than(again, example)
    assert decode(again) == decode(example)


def changed(name: str, path: str, value: object) -> dict[str, Any]:
    """An example with one field changed, or without it if the value is an ellipsis."""
    document: dict[str, Any] = json.loads((SCHEMA_FOLDER / f"examples/{name}.json").read_text())
    *parents, last = path.split(".")
    place: Any = document
    for parent in parents:
        place = place[int(parent) if isinstance(place, list) else parent]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return document


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("verdict", "PERFECT", "verdict is none of GOAL_MET"),
        ("recommended", None, "recommended is not a JSON object"),
        ("schemaVersion", 2, "schemaVersion is none of 1"),
        ("recommended.durationMs.p95.low", "fast", "recommended durationMs low is not of the kind float: 'fast'"),
        ("observations.0.cold", 1, "observations cold is not of the kind bool: 1"),
        ("configurations.0.samples", 2.5, "configurations samples is not of the kind int: 2.5"),
        ("runId", ..., "runId is missing"),
        ("warnings", 3, "warnings"),
        ("recommended.durationMs", [], "recommended durationMs"),
        ("versions", None, "versions"),
    ],
)
def test_what_does_not_fit_is_named(path: str, value: object, problem: str) -> None:
    """One error with the way to the field."""
    with pytest.raises(ValueError, match=problem):
        decode(changed("goal-met", path, value))


def test_what_is_not_known_is_ignored() -> None:
    """A later version may add fields."""
    assert decode(changed("goal-met", "recommended.colour", "green")) == decode(
        json.loads((SCHEMA_FOLDER / "examples/goal-met.json").read_text())
    )


def described(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The definition that a node of the schema means, null aside."""
    [node] = [each for each in schema.get("anyOf", [schema]) if each.get("type") != "null"]
    return SCHEMA["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node


def differences(kind: Any, schema: Mapping[str, Any], place: str) -> list[str]:
    """Where a type and a node of the schema disagree."""
    union = [each for each in typing.get_args(kind) if each is not NoneType] if _is_union(kind) else [kind]
    node, found = described(schema), []
    if place.count(".") > 1 and _may_be_null(schema) and NoneType not in typing.get_args(kind):
        found.append(f"{place}: may be null, and the field may not")
    kinds = [each for each in union if each != Literal["unknown"]]
    if len(kinds) > 1:
        return found
    [kind] = kinds
    origin = typing.get_origin(kind)
    if dataclasses.is_dataclass(kind):
        found += fields_that_differ(kind, node, place)
    elif origin is tuple:
        found += differences(typing.get_args(kind)[0], node["items"], f"{place}[]")
    elif origin is not None and issubclass(origin if isinstance(origin, type) else object, Mapping):
        if (rows := [*node.get("patternProperties", {}).values()] or [node.get("additionalProperties")])[0]:
            found += differences(typing.get_args(kind)[1], rows[0], f"{place}{{}}")
    elif origin is Literal:
        told = node.get("enum", [node.get("const")])
        fits = set(typing.get_args(kind)) <= set(told) or node.get("type") == "string"
        found += [] if fits else [f"{place}: {kind} is not {told}"]
    elif kind is not Any:
        told = [each for each in _types(node) if each != "null"]
        fits = JSON_KINDS[kind] in told or (kind is int and "number" in told) or "enum" in node
        found += [] if fits else [f"{place}: {kind.__name__} is not {told}"]
    return found


def fields_that_differ(kind: Any, node: Mapping[str, Any], place: str) -> list[str]:
    """The same for a dataclass: each field is described, and each description has its field."""
    found, hints, seen = [], typing.get_type_hints(kind), set()
    for name, field, hint in flat_fields(kind, hints):
        seen.add(name)
        if name not in node["properties"]:
            found.append(f"{place}.{name}: not described")
            continue
        optional = "left_out" in field.metadata or field.default is not dataclasses.MISSING
        if "left_out" in field.metadata and name in node.get("required", []):
            found.append(f"{place}.{name}: required, and a report may lack it")
        schema = node["properties"][name]
        if NoneType in typing.get_args(hint) and not optional and not _may_be_null(schema) and name != "same":
            found.append(f"{place}.{name}: null is not described")  # "same" of what could be compared is never null
        found += differences(hint, schema, f"{place}.{name}")
    return found if not place else [*found, *(f"{place}.{name}: no field" for name in node["properties"].keys() - seen)]


def flat_fields(kind: Any, hints: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """Name, field and type of what stands in JSON."""
    rows: list[tuple[str, Any, Any]] = []
    for field in dataclasses.fields(kind):
        if "hidden" in field.metadata:
            continue
        if "flat" in field.metadata:
            inner = [each for each in typing.get_args(hints[field.name]) or [hints[field.name]] if each is not NoneType]
            rows += flat_fields(inner[0], typing.get_type_hints(inner[0]))
        else:
            rows.append((field.metadata.get("name", camel_case(field.name)), field, hints[field.name]))
    return rows


def _is_union(kind: Any) -> bool:
    return NoneType in typing.get_args(kind) or len([a for a in typing.get_args(kind) if isinstance(a, type)]) > 1


def _types(node: Mapping[str, Any]) -> list[str]:
    told = node.get("type", [])
    return [told] if isinstance(told, str) else told


def _may_be_null(schema: Mapping[str, Any]) -> bool:
    return "null" in _types(schema) or any(each.get("type") == "null" for each in schema.get("anyOf", []))


JSON_KINDS = {float: "number", int: "integer", str: "string", bool: "boolean"}


@pytest.mark.parametrize("kind", [Answer, DryRun, Failure])
def test_the_schema_describes_the_values(kind: Any) -> None:
    """Every field is described with its type, and nothing is described that no value has."""
    assert not fields_that_differ(kind, SCHEMA, "")


def test_everything_that_is_described_is_a_field() -> None:
    """Of one ending at least."""
    names = {row[0] for kind in (Answer, DryRun, Failure) for row in flat_fields(kind, typing.get_type_hints(kind))}
    assert names == set(SCHEMA["properties"])
