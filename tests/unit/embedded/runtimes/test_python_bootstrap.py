"""Our runtime client's JSON against that of AWS's own client."""

from __future__ import annotations

import collections
import datetime as dt
import decimal
import enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.embedded.runtimes import python_bootstrap as bootstrap

marshaller = pytest.importorskip("awslambdaric.lambda_runtime_marshaller")
exceptions = pytest.importorskip("awslambdaric.lambda_runtime_exception")

Pair = collections.namedtuple("Pair", "left right")


class Size(enum.IntEnum):
    """A number with a name."""

    SMALL = 128


class Word(str):
    """Text of another class."""

    __slots__ = ()


class Row:
    """An object of no tuple's class that knows itself as a dictionary, as a row of SQLAlchemy does."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def _asdict(self) -> Any:
        return self.value


keys = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.characters(categories=["Cs"])
    | st.binary(max_size=4)
    | st.decimals(allow_nan=False)
    | st.just(Size.SMALL)
    | st.just(Word("w"))
    | st.dates()
)
scalars = keys | st.decimals() | st.just({1}) | st.just(range(3)) | st.just(bytearray(b"x"))
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.builds(Pair, inner, inner)
        | st.builds(Row, st.dictionaries(keys, inner, max_size=1) | inner)
        | st.dictionaries(keys, inner, max_size=3)
    ),
    max_leaves=8,
)


def answer_of_aws(value: Any) -> tuple[bytes, str] | str:
    """What AWS's client makes of a response: its bytes and their type, or its error."""
    try:
        body, kind = marshaller.LambdaMarshaller().marshal_response(value)
    except exceptions.FaultException as fault:
        return f"{fault.exception_type}: {fault.msg}"
    return body if isinstance(body, bytes) else body.encode(), kind


def answer_of_ours(value: Any) -> tuple[bytes, str] | str:
    """The same of our client."""
    headers = {"lambda-runtime-aws-request-id": "1", "lambda-runtime-deadline-ms": "0"}
    try:
        return bootstrap.answer(lambda event, context: value, headers, b"{}")
    except bootstrap.Fault as fault:
        return f"{fault.error_type}: {fault.message}"


@given(values)
def test_response_is_that_of_awslambdaric(value: Any) -> None:
    """Whatever a handler returns becomes the same JSON, or the same error, as under AWS's own client."""
    assert answer_of_ours(value) == answer_of_aws(value)


@pytest.mark.parametrize(
    ("value", "body"),
    [
        ({"principalId": "u", "body": b"hello", "n": 1}, '{"principalId": "u", "body": "hello", "n": 1}'),
        ({b"k": 1}, '{"k": 1}'),
        ([decimal.Decimal("1.10"), decimal.Decimal("1E+2")], "[1.10, 1E+2]"),
        ({"at": Pair(1, 2)}, '{"at": {"left": 1, "right": 2}}'),
        ([Row({"id": 1}), b"x"], '[{"id": 1}, "x"]'),
        (float("nan"), "NaN"),
    ],
)
def test_json_of_simplejson(value: Any, body: str) -> None:
    """Bytes are text in values and keys, decimals keep their digits, named tuples are objects."""
    assert answer_of_ours(value) == answer_of_aws(value) == (body.encode(), "application/json")


@pytest.mark.parametrize(
    "value", [[b"\xff"], {1, 2}, Pair, Row([1]), dt.datetime(2026, 1, 1, tzinfo=dt.UTC), {(1,): 2}]
)
def test_what_has_no_json_is_a_marshal_error(value: Any) -> None:
    """The error's type and text are AWS's."""
    assert answer_of_ours(value) == answer_of_aws(value)
    assert str(answer_of_ours(value)).startswith("Runtime.MarshalError: Unable to marshal response: ")


@pytest.mark.parametrize("first", [b"x", 1])
def test_response_that_holds_itself_is_a_marshal_error(first: object) -> None:
    """A circle is found, beside bytes too."""
    circle: list[Any] = [first]
    circle.append({"again": circle})

    assert answer_of_ours(circle) == answer_of_aws(circle)
