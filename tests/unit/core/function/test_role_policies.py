"""What a role's policies mean for a clone with another name."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tuner.core.function.role_policies import RolePolicy, allows, bound_to_caller, names_itself

THEIRS = "arn:aws:lambda:eu-west-1:123456789012:function:theirs"
COPY = "arn:aws:lambda:eu-west-1:123456789012:function:lambda-tuner-clone-"
TABLE = "arn:aws:dynamodb:eu-west-1:123456789012:table/orders"


def policies(*statements: dict[str, Any]) -> tuple[RolePolicy, ...]:
    """One policy of these statements; what they leave out is an Allow of everything."""
    filled = [{"Effect": "Allow", "Action": "*", "Resource": "*", **statement} for statement in statements]
    return (RolePolicy("theirs", {"Version": "2012-10-17", "Statement": filled}),)


def caller(value: Any, *, operator: str = "ArnEquals", key: str = "lambda:SourceFunctionArn") -> dict[str, Any]:
    """A statement that holds for a caller."""
    return {"Condition": {operator: {key: value}}}


@pytest.mark.parametrize(
    "statement",
    [
        caller(THEIRS),
        caller([f"{THEIRS}-other", THEIRS], operator="StringLike"),
        caller("arn:aws:lambda:*:*:function:their?", operator="ForAnyValue:ArnLike"),
        caller(THEIRS, key="Lambda:SOURCEFunctionArn"),
        {**caller(COPY + "*", operator="ArnNotLikeIfExists"), "Effect": "Deny"},
        caller("*:theirs", key="aws:userid", operator="StringLike"),
        caller("AROAEXAMPLE:theirs", key="aws:userId", operator="StringEquals"),
    ],
)
def test_condition_that_tells_function_and_copy_apart_is_found(statement: dict[str, Any]) -> None:
    """Whatever the operator and the case of the key: the two have different rights."""
    assert bound_to_caller(policies({}, statement), function_arn=THEIRS, clone_arn=COPY) == ("theirs",)


@pytest.mark.parametrize(
    "statement",
    [
        {},
        caller("arn:aws:lambda:eu-west-1:123456789012:function:*"),
        caller("*", operator="StringLike"),
        caller("false", operator="Null"),
        caller("AROAEXAMPLE:*", key="aws:userid"),
        caller(f"{THEIRS}-other"),
        caller("theirs", key="aws:PrincipalTag/function"),
        {"Condition": {}},
    ],
)
def test_condition_that_is_the_same_for_both_is_none(statement: dict[str, Any]) -> None:
    """A condition on the calling function matters only where it tells the two apart."""
    assert bound_to_caller(policies(statement), function_arn=THEIRS, clone_arn=COPY) == ()


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ([{"Action": "dynamodb:GetItem", "Resource": TABLE}], True),
        ([{"Action": ["s3:*", "DynamoDB:get*"], "Resource": ["arn:aws:dynamodb:*:*:table/ord?rs"]}], True),
        ([{"Action": "dynamodb:PutItem"}], False),
        ([{"Action": "dynamodb:GetItem", "Resource": f"{TABLE}-2"}], False),
        ([{}, {"Effect": "Deny", "Action": "dynamodb:*"}], False),
        ([{}, {"Effect": "Deny", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}], True),
        ([{"Action": None, "NotAction": "iam:*"}], True),
        ([{"Action": None, "NotAction": ["dynamodb:*"]}], False),
        ([{"Resource": None, "NotResource": TABLE}], False),
        ([{"Resource": None, "NotResource": "arn:aws:s3:::*"}], True),
        ([], False),
    ],
)
def test_allowed_is_what_a_statement_allows_and_none_denies(statements: list[dict[str, Any]], expected: bool) -> None:
    """Wildcards are IAM's, actions have no case, a denial with a condition is not counted."""
    cleaned = [{key: value for key, value in one.items() if value is not None} for one in statements]
    filled = [
        {"Effect": "Allow", **({} if "NotAction" in one else {"Action": "*"})}
        | ({} if "NotResource" in one else {"Resource": "*"})
        | one
        for one in cleaned
    ]
    given_ = (RolePolicy("theirs", {"Statement": filled}),)
    assert allows(given_, "dynamodb:GetItem", TABLE) is expected


def test_brackets_in_a_resource_are_no_wildcard() -> None:
    """IAM knows two wildcards, and this is none of them."""
    assert not allows(policies({"Resource": "arn:aws:s3:::bucket/[a-z]"}), "s3:GetObject", "arn:aws:s3:::bucket/a")
    assert allows(policies({"Resource": "arn:aws:s3:::bucket/[a-z]"}), "s3:GetObject", "arn:aws:s3:::bucket/[a-z]")


@pytest.mark.parametrize(
    ("resource", "expected"),
    [(THEIRS, True), (f"{THEIRS}:live", True), (f"{THEIRS}*", False), ("*", False), (f"{THEIRS}-2", False)],
)
def test_function_is_named_by_its_arn_and_not_by_a_pattern(resource: str, expected: bool) -> None:
    """A role that may invoke many functions does not say that this one invokes itself."""
    assert names_itself(
        policies({"Action": "lambda:Invoke*", "Resource": [resource]}), "lambda:InvokeFunction", THEIRS
    ) is (expected)


def test_single_statement_needs_no_list() -> None:
    """IAM takes a statement, an action and a resource without a list around them."""
    one = (RolePolicy("theirs", {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}),)
    assert allows(one, "s3:GetObject", TABLE)


JSON = st.recursive(
    st.none() | st.booleans() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


# On a busy machine the first draw alone may be called slow.
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(document=st.dictionaries(st.sampled_from(["Statement", "Version"]), JSON))
def test_odd_documents_are_read_without_an_error(document: dict[str, Any]) -> None:
    """A document that AWS would not have taken says nothing, and does not end a run."""
    odd = (RolePolicy("odd", document),)
    assert bound_to_caller(odd, function_arn=THEIRS, clone_arn=COPY) == ()
    assert not names_itself(odd, "lambda:InvokeFunction", THEIRS)
