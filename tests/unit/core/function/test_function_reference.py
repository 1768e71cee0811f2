"""What may be written for a function."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.core.errors import FunctionNotFound, InvalidRequest
from tuner.core.function.function_reference import (
    FunctionReference,
    parse_function_reference,
    partition_of,
    read_function_reference,
)

ACCOUNT = "123456789012"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("resize", FunctionReference("resize")),
        ("resize:live", FunctionReference("resize", "live")),
        ("resize:7", FunctionReference("resize", "7")),
        ("resize:$LATEST", FunctionReference("resize", "$LATEST")),
        ("function:resize", FunctionReference("resize")),
        (f"{ACCOUNT}:function:resize", FunctionReference("resize", account=ACCOUNT)),
        (f"{ACCOUNT}:resize", FunctionReference("resize", account=ACCOUNT)),
        (f"{ACCOUNT}:function:resize:7", FunctionReference("resize", "7", account=ACCOUNT)),
        (f"eu-west-1:{ACCOUNT}:function:f", FunctionReference("f", None, "eu-west-1", ACCOUNT)),
        (f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:f", FunctionReference("f", None, "eu-west-1", ACCOUNT)),
        (f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:f:a-b_1", FunctionReference("f", "a-b_1", "eu-west-1", ACCOUNT)),
        (
            f"arn:aws-cn:lambda:cn-north-1:{ACCOUNT}:function:f",
            FunctionReference("f", None, "cn-north-1", ACCOUNT, "aws-cn"),
        ),
        (
            f"arn:aws-us-gov:lambda:us-gov-west-1:{ACCOUNT}:function:f:$LATEST",
            FunctionReference("f", "$LATEST", "us-gov-west-1", ACCOUNT, "aws-us-gov"),
        ),
        (
            f"arn:aws-iso-b:lambda:us-isob-east-1:{ACCOUNT}:function:f",
            FunctionReference("f", None, "us-isob-east-1", ACCOUNT, "aws-iso-b"),
        ),
        (
            f"arn:aws-eusc:lambda:eusc-de-east-1:{ACCOUNT}:function:f",
            FunctionReference("f", None, "eusc-de-east-1", ACCOUNT, "aws-eusc"),
        ),
        ("a" * 64, FunctionReference("a" * 64)),
    ],
)
def test_every_form_of_a_reference(text: str, expected: FunctionReference) -> None:
    """Names, partial ARNs and ARNs of all partitions, each with or without a version or alias."""
    reference = parse_function_reference(text)
    assert reference == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("  ", "is empty"),
        (" resize", "white space"),
        ("re size", "white space"),
        ("resize\n", "white space"),
        ("res\x00ize", "control characters"),
        ("résize", "only letters, digits, - and _"),
        ("re.size", "only letters, digits, - and _"),
        ("a" * 65, "65 characters"),
        (":live", "no function name"),
        ("resize:", "neither a version, nor an alias"),
        ("resize:a.b", "neither a version, nor an alias"),
        ("resize:live:more", "too many parts"),
        (f"arn:aws:lambda:eu-west-1:{ACCOUNT}", "cut off"),
        (f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function", "no function name"),
        (f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:", "no function name"),
        (f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:f:1:2", "too many parts"),
        (f"arn:aws:lambda:eu-west-1:{ACCOUNT}:layer:tools:3", "ARN of a layer"),
        (f"{ACCOUNT}:layer:tools", "names a layer"),
        (f"arn:aws:lambda:eu-west-1:{ACCOUNT}:event-source-mapping:0a", "an event source mapping"),
        (f"arn:aws:lambda:eu-west-1:{ACCOUNT}:thing:0a", "something else"),
        (f"arn:aws:states:eu-west-1:{ACCOUNT}:stateMachine:f", "ARN of Step Functions"),
        ("arn:aws:s3:::bucket", "ARN of S3"),
        (f"arn:aws:glue:eu-west-1:{ACCOUNT}:job/x", 'the service "glue"'),
        (f"arn:gcp:lambda:eu-west-1:{ACCOUNT}:function:f", 'partition "gcp"'),
        (f"arn:aws:lambda::{ACCOUNT}:function:f", "no Region"),
        (f"arn:aws:lambda:europe:{ACCOUNT}:function:f", 'Region "europe"'),
        (f"arn:aws:lambda:cn-north-1:{ACCOUNT}:function:f", 'in the partition "aws-cn"'),
        ("arn:aws:lambda:eu-west-1:12345:function:f", "12 digits"),
        ("arn:aws:lambda:eu-west-1::function:f", "no account"),
        ("arn:aws:lambda:eu-west-1:١٢٣٤٥٦٧٨٩٠١٢:function:f", "12 digits"),
    ],
)
def test_what_is_no_function_is_refused_with_the_reason(text: str, words: str) -> None:
    """The sentence begins with the field and says what is wrong."""
    with pytest.raises(InvalidRequest) as caught:
        parse_function_reference(text)
    (problem,) = caught.value.problems
    assert problem.startswith("lambdaARN ")
    assert words in problem
    assert problem.isprintable()


def test_another_region_or_account_is_not_found() -> None:
    """The sentence names both, and what to do."""
    arn = f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:f"
    assert parse_function_reference(arn, own_region="eu-west-1", own_account=ACCOUNT).name == "f"
    with pytest.raises(FunctionNotFound, match="in Region eu-west-1, and this run works in us-east-1") as caught:
        parse_function_reference(arn, own_region="us-east-1", own_account=ACCOUNT)
    assert "eu-west-1" in caught.value.hint
    with pytest.raises(FunctionNotFound, match=f"account {ACCOUNT}, and this run works in account 210987654321"):
        parse_function_reference(f"{ACCOUNT}:function:f", own_region="us-east-1", own_account="210987654321")
    assert parse_function_reference("f", own_region="us-east-1", own_account=ACCOUNT).region is None


def test_arns_are_written_back() -> None:
    """An ARN reads as it was written; a name takes Region and account of the caller."""
    arn = f"arn:aws-cn:lambda:cn-north-1:{ACCOUNT}:function:f:live"
    assert parse_function_reference(arn).arn() == arn
    assert FunctionReference("f", "7").arn(region="us-gov-west-1", account=ACCOUNT) == (
        f"arn:aws-us-gov:lambda:us-gov-west-1:{ACCOUNT}:function:f:7"
    )
    assert FunctionReference("f", "7").qualified_name == "f:7"
    with pytest.raises(ValueError, match="needs a Region and an account"):
        FunctionReference("f").arn(region="eu-west-1")


def test_partitions() -> None:
    """Each Region belongs to one."""
    assert [partition_of(region) for region in ("us-iso-east-1", "us-isof-south-1", "eu-isoe-west-1")] == [
        "aws-iso",
        "aws-iso-f",
        "aws-iso-e",
    ]


@given(st.text())
def test_any_text_gives_a_reference_or_a_problem(text: str) -> None:
    """Never both, never neither, never an exception; a problem can be shown on one line."""
    reference, problem = read_function_reference(text)
    assert (reference is None) == bool(problem)
    assert problem.isprintable()
