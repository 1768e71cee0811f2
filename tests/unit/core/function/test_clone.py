"""A clone is the function in everything that its duration depends on, and nobody forgets a field."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import botocore
import botocore.session
import pytest
from botocore.model import ListShape, MapShape, Shape, StructureShape
from botocore.validate import ParamValidator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tuner.core.errors import ServiceError
from tuner.core.function.clone import (
    CHECKED_WITH,
    CODE_TREATMENTS,
    NOT_SET,
    TREATMENTS,
    check_service_model,
    clone_request,
    way_out,
)
from tuner.core.model import Candidate
from tuner.core.run.plan import EXPIRES_TAG, RUN_TAG, clone_name

LAMBDA = botocore.session.get_session().get_service_model("lambda")
ANSWER: Any = LAMBDA.operation_model("GetFunctionConfiguration").output_shape
CODE: Any = LAMBDA.operation_model("GetFunction").output_shape.members["Code"]  # type: ignore[union-attr]
REQUEST: Any = LAMBDA.operation_model("CreateFunction").input_shape
SAMPLES = {
    "LogFormat": "JSON",
    "Role": "arn:aws:iam::123456789012:role/theirs",
    "FunctionName": "theirs",
    "Runtime": "python3.13",
    "Arn": "arn:aws:elasticfilesystem:eu-west-1:123456789012:access-point/fsap-0",
    "LocalMountPath": "/mnt/theirs",
    "RuntimeArn": "arn:aws:lambda-core:eu-west-1:123456789012:runtime:theirs",
}


def sample(shape: Shape, name: str) -> Any:
    """Make a value of a shape; a text names the field that it came from."""
    if isinstance(shape, StructureShape):
        return {key: sample(member, key) for key, member in shape.members.items()}
    if isinstance(shape, ListShape):
        return [sample(shape.member, name)]
    if isinstance(shape, MapShape):
        return {f"key of {name}": sample(shape.value, f"value of {name}")}
    match shape.type_name:
        case "integer" | "long":
            return 1000
        case "boolean":
            return True
    return SAMPLES.get(name, f"the function's {name}")


ZIP = {"S3Bucket": "ours", "S3Key": "clones/00.zip"}
IMAGE = {"ImageUri": "theirs@sha256:00"}


def full_request(code: Mapping[str, str] = ZIP) -> dict[str, Any]:
    """The request for a clone of a function that has everything that boto3 knows of."""
    configuration = sample(ANSWER, "")
    tags = {RUN_TAG: "night-1", EXPIRES_TAG: "2026-11-24T05:00:00+00:00"}
    group = "/lambda-tuner/clones"
    return clone_request("copy", Candidate(512, "arm64"), configuration, code, tags, log_group=group, snap_start=True)


def fields(shape: Shape, path: str = "") -> Iterator[str]:
    """Every field that a shape can hold, nested ones as ``Code.S3Key``; what a list or a map holds stands under it."""
    match shape:
        case StructureShape():
            for name, member in shape.members.items():
                yield from fields(member, f"{path}.{name}".lstrip("."))
        case ListShape():
            yield from fields(shape.member, path)
        case _:
            yield path


def set_fields(value: Any, path: str = "") -> Iterator[str]:
    """The same of a request: every field that is set in it; the keys of a map are no fields."""
    if isinstance(value, Mapping) and path not in {"Environment.Variables", "Tags"}:
        for name, inner in value.items():
            yield from set_fields(inner, f"{path}.{name}".lstrip("."))
    elif isinstance(value, list) and value and isinstance(value[0], Mapping):
        yield from set_fields(value[0], path)
    else:
        yield path


def test_every_field_of_botocores_model_has_its_treatment() -> None:
    """A field that AWS adds to a function's configuration or code fails here until somebody says what becomes of it."""
    assert set(TREATMENTS) == set(ANSWER.members)
    assert set(CODE_TREATMENTS) == set(CODE.members)


@pytest.mark.parametrize("older", ["1.44.4", "1.9.99", "0.99.0"])
def test_an_older_service_model_is_refused_with_both_versions_named(older: str) -> None:
    """It would drop a setting that it does not know, and the clone would be another function."""
    with pytest.raises(ServiceError, match=rf"botocore {re.escape(older)}.*checked with {re.escape(CHECKED_WITH)}"):
        check_service_model(older)
    check_service_model(botocore.__version__)


def test_every_setting_of_botocores_model_is_made_or_has_its_reason() -> None:
    """What CreateFunction takes, down to nested fields, is in the request, or there is a reason why it is not."""
    known = {field: field.split(".")[0] for field in fields(REQUEST)}
    made = {*set_fields(full_request(ZIP)), *set_fields(full_request(IMAGE))}
    without = {name for name, treatment in TREATMENTS.items() if treatment.kind in {"left_out", "refused"}}
    unset = {field for field, top in known.items() if top in without and field not in made}
    assert made | unset | set(NOT_SET) == set(known)
    assert not made & set(NOT_SET)


def test_what_is_not_copied_says_why() -> None:
    """No field is changed, left out or refused without a reason."""
    every = {**TREATMENTS, **CODE_TREATMENTS}
    assert not [name for name, one in every.items() if one.kind in {"ours", "left_out", "refused"} and not one.why]
    assert all(NOT_SET.values())


def test_request_is_one_that_aws_takes() -> None:
    """There is no unknown field and no wrong type in it: what only answers have is not sent back."""
    assert ParamValidator().validate(full_request(), REQUEST).generate_report() == ""
    sent_back = set(full_request()["VpcConfig"]) | set(full_request()["FileSystemConfigs"][0])
    known = set(REQUEST.members["VpcConfig"].members) | set(REQUEST.members["FileSystemConfigs"].member.members)
    assert sent_back == known


@pytest.mark.parametrize("name", sorted(name for name, one in TREATMENTS.items() if one.kind == "copied"))
def test_copied_fields_have_the_functions_value(name: str) -> None:
    """All of it, nested values too."""
    theirs, request = sample(ANSWER, "")[name], full_request()
    match name:
        case "CodeSha256":
            assert request["Code"] == {"S3Bucket": "ours", "S3Key": "clones/00.zip"}
        case "Environment":
            assert request[name] == {"Variables": theirs["Variables"]}
        case "ImageConfigResponse":
            assert request["ImageConfig"] == theirs["ImageConfig"]
        case "Layers":
            assert request[name] == [layer["Arn"] for layer in theirs]
        case "VpcConfig":
            assert request[name] == {key: value for key, value in theirs.items() if key != "VpcId"}
        case _:
            assert request[name] == theirs


def test_fields_of_ours_have_nothing_of_the_function() -> None:
    """Tags say the run and its end, and logs go to our group, at a level at which REPORT records are written."""
    request = full_request()
    assert set(request["Tags"]) == {RUN_TAG, EXPIRES_TAG}
    assert request["LoggingConfig"] == {
        "LogFormat": "JSON",
        "LogGroup": "/lambda-tuner/clones",
        "SystemLogLevel": "INFO",
        "ApplicationLogLevel": "the function's ApplicationLogLevel",
    }
    assert (request["MemorySize"], request["Architectures"]) == (512, ["arm64"])
    assert (request["SnapStart"], request["Publish"]) == ({"ApplyOn": "PublishedVersions"}, True)


def test_copy_has_no_snapstart_of_itself() -> None:
    """Whatever the function has: it costs a fee and minutes, and is for the request to ask."""
    request = clone_request("copy", Candidate(512, "arm64"), sample(ANSWER, ""), {}, {}, log_group="ours")
    assert "SnapStart" not in request
    assert request["Publish"] is False


def test_bare_function_gets_lambdas_defaults() -> None:
    """What old functions and old endpoints leave out is what Lambda would have set."""
    bare = {"FunctionName": "theirs", "Role": SAMPLES["Role"], "Timeout": 3}
    request = clone_request("copy", Candidate(128, "x86_64"), bare, {"ImageUri": "i@sha256:0"}, {}, log_group="/clones")
    assert request["EphemeralStorage"] == {"Size": 512}
    assert request["TracingConfig"] == {"Mode": "PassThrough"}
    assert request["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": "/clones"}
    assert not {"VpcConfig", "Layers", "FileSystemConfigs", "ImageConfig", "KMSKeyArn", "Runtime"} & request.keys()


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(run_id=st.text(min_size=1, max_size=300), memory_mb=st.integers(128, 10_240))
def test_name_fits_whatever_the_run_is_called(run_id: str, memory_mb: int) -> None:
    """Lambda takes at most 64 characters."""
    assert len(clone_name(run_id, Candidate(memory_mb, "x86_64"))) <= 64


def test_every_copy_has_a_name_of_its_own() -> None:
    """Runs, sizes, architectures and further clones are told apart: none is measured or removed for another."""
    names = [
        clone_name(run_id, Candidate(memory_mb, architecture), copy)
        for run_id in ("night-1", "night-2")
        for memory_mb in (128, 1280)
        for architecture in ("arm64", "x86_64")
        for copy in (0, 1, 10)
    ]
    assert len({*names}) == len(names)


@pytest.mark.parametrize(
    ("refusal", "hint"),
    [
        ("Source image 123456789012.dkr.ecr.eu-west-1.amazonaws.com/a@sha256:0 does not exist.", "push the image"),
        ("Layer version arn:aws:lambda:eu-west-1:123456789012:layer:tools:3 does not exist.", "layer versions that"),
        ("The runtime parameter of nodejs14.x is no longer supported for creating functions.", "a current one"),
        ("The role defined for the function cannot be assumed by Lambda.", "trust policy"),
        ("Lambda was unable to configure access to your environment variables: KMS key is invalid.", "kms:Decrypt"),
        ("Code storage limit exceeded.", "storage"),
        ("The subnet ID 'subnet-0' does not exist", "subnet"),
        ("Lambda does not have permission to access the ECR image. Check the ECR permissions.", "repository refuses"),
        ("not authorized to perform: ecr:BatchGetImage because no resource-based policy allows it", "this account too"),
        ("Your access has been denied by S3, please make sure your request credentials", "create-clones role"),
        ("Could not unzip uploaded file. Please check your file, then try to upload again.", "artifact bucket is dam"),
        ("s3files:ListMountTargets on fs-0 was refused", "file system"),
        ("arn:aws:lambda:eu-west-1:123456789012:runtime/theirs/alias/prod is blocked", "customer-managed"),
        ("Something else.", "docs/limits.md"),
    ],
)
def test_refusal_of_aws_gets_a_way_out(refusal: str, hint: str) -> None:
    """By what AWS's own sentence names."""
    assert hint in way_out(refusal)
