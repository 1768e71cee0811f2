"""A field of the request is described once; what is made of it says the same."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import jsonschema
import pytest

from tuner.core.request.fields import Asked, Flag, fields_of
from tuner.core.request.parsing import REQUEST_FIELDS, parse_request
from tuner.core.request.reading import Problems, read_fields

ROOT = Path(__file__).parents[4]


@dataclass(frozen=True)
class Tea:
    """A value with a field of each kind."""

    cups: Annotated[int, Asked("How many: {bounds}.", at_least=1, at_most=9_000), Flag("--cups", "Goal")]
    sugar_g: Annotated[float, Asked("Of each cup.", above=0, at_most=5)] = 1.0
    size_mb: Annotated[int | None, Asked("Nobody knows why.", at_least=0, unit="MB", because=", as ever")] = None
    kinds: Annotated[tuple[Literal["green", "black"], ...] | None, Asked("Which.")] = None
    tea_arn: Annotated[str | None, Asked("Its place.")] = None
    is_hot: Annotated[bool, Asked("Whether.", name="hot")] = True
    kept: int = 0
    """No field of the input."""


def test_a_field_says_its_name_bounds_and_rule() -> None:
    """The name is the attribute's in camel case, unless another one is given."""
    fields = fields_of(Tea)
    assert {name: each.rule for name, each in fields.items()} == {
        "cups": "it must be a whole number between 1 and 9,000",
        "sugarG": "it must be above 0 and at most 5",
        "sizeMb": "it must be a whole number of MB of at least 0",
        "kinds": 'it must be a list of "green" and "black"',
        "teaARN": "it must be a text",
        "hot": "it must be true or false",
    }
    assert (fields["cups"].meaning, fields["sugarG"].bounds) == ("How many: 1 to 9,000.", "above 0, at most 5")
    assert fields["cups"].flag == Flag("--cups", "Goal")


@pytest.mark.parametrize(
    ("given", "problems"),
    [
        ({"cups": 2.0, "sugarG": 2, "kinds": ["green", "green"], "hot": False, "teaARN": None}, []),
        ({}, ["cups is missing: it must be a whole number between 1 and 9,000"]),
        ({"cups": True}, ["cups is true: it must be a whole number between 1 and 9,000"]),
        ({"cups": "2"}, ['cups is the text "2", not a number: it must be a whole number between 1 and 9,000']),
        ({"cups": 1, "sugarG": 0}, ["sugarG is 0: it must be above 0 and at most 5"]),
        ({"cups": 1, "kinds": []}, ["kinds is an empty list: name at least one, or leave it out"]),
        ({"cups": 1, "kinds": ["red"]}, ['kinds[0] is "red": it must be "green" or "black"']),
        ({"cups": 1, "kept": 5}, ["kept is not a field of a request"]),
        ({"cups": 1, 5: "x"}, ["5 is not a field of a request"]),
        ({"cups": 0, "Hot": 1}, ["cups is 0: it must be a", "Hot is not a field (did you mean hot?)"]),
    ],
)
def test_an_object_is_read_or_every_problem_named(given: dict[Any, Any], problems: list[str]) -> None:
    """Types are strict, but 2.0 is 2; null is left out."""
    found = Problems()
    values = read_fields(Tea, given, found)
    sentences = found.in_order_of(fields_of(Tea))
    assert [sentence[: len(start)] for sentence, start in zip(sentences, problems, strict=True)] == problems
    if not problems:
        assert Tea(**values) == Tea(2, 2.0, kinds=("green",), is_hot=False)


def test_problems_name_the_field_as_the_user_wrote_it() -> None:
    """Another name is only another name."""
    found = Problems(lambda path: path.replace("cups", "--cups"))
    read_fields(Tea, {"cups": 0}, found)
    assert found.in_order_of(())[0].startswith("--cups is 0: ")


def test_documents_and_schema_are_up_to_date() -> None:
    """``scripts/request-documents`` has nothing to write."""
    script = [sys.executable, "scripts/request-documents", "--check"]
    ended = subprocess.run(script, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (0, ""), ended.stderr


def test_the_schema_takes_what_the_parser_takes() -> None:
    """Every example of the documentation is valid by both; what is refused by bounds is refused by both."""
    schema = json.loads((ROOT / "docs/schema/request.schema.json").read_text("utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    assert set(schema["properties"]) == set(REQUEST_FIELDS)
    text = (ROOT / "docs/request.md").read_text("utf-8")
    blocks = [json.loads(part.split("```")[0]) for part in text.split("```json\n")[1:]]
    for request in blocks[:-1]:
        validator.validate(request)
        parse_request(request)
    assert {error.json_path for error in validator.iter_errors(blocks[-1])} == {"$", "$.goal.percentile", "$.memory"}
