"""A clone has the function's code or is never invoked, however long the run takes and wherever the code lies."""

from __future__ import annotations

import base64
import hashlib
from datetime import timedelta
from typing import Any

import pytest

from tests.unit.steps.conftest import FakeRun
from tests.unit.steps.fakes import client_error
from tuner.core.errors import CloneFailed, CloneNotReady, CodeGone, FunctionNotTunable, PermissionDenied
from tuner.core.run.bucket_layout import code_key
from tuner.steps.copy_code import copy_code
from tuner.steps.create_clones import create_clones

IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/theirs"
PLACE = {"S3Bucket": "packages", "S3Key": "theirs.zip", "S3ObjectVersion": "v7"}


def sha256(package: bytes) -> str:
    """As Lambda gives it."""
    return base64.b64encode(hashlib.sha256(package).digest()).decode()


@pytest.fixture
def planned(run: FakeRun) -> FakeRun:
    """A run whose package is copied, and whose first round is asked for."""
    run.plan()
    run.suggest()
    return run


@pytest.fixture
def by_reference(run: FakeRun) -> FakeRun:
    """A planned run on a function whose code lies in a bucket of its owner."""
    run.plan()
    run.s3.objects.pop(code_key(sha256(b"code")))
    run.s3.objects["packages/theirs.zip@v7"] = b"code"
    run.aws.get_function = lambda **_: {"Code": {"RepositoryType": "S3", "ResolvedS3Object": PLACE}}  # type: ignore[method-assign]
    return run


def create(run: FakeRun) -> int:
    """Make the first round's clones."""
    return create_clones(run.artifacts, run.reader, run.clones, 1)


def copied(run: FakeRun) -> bool:
    """Copy the package where that is needed."""
    return copy_code(run.artifacts, run.reader, run.s3, now=run.s3.now)


def handed_out(run: FakeRun, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let the package be fetched from Lambda without a network; gives the addresses asked for."""
    asked: list[str] = []

    def fetch(s3: Any, bucket: str, source: Any, code_sha256: str) -> None:
        asked.append(bucket)
        s3.put_object(Bucket=bucket, Key=code_key(code_sha256), Body=b"code")

    monkeypatch.setattr("tuner.steps.copy_code.copy_package", fetch)
    return asked


# --- Other code ------------------------------------------------------------------------------------------------------


def test_code_that_somebody_put_into_the_bucket_is_not_invoked(planned: FakeRun) -> None:
    """Whoever may write one object of the bucket gets no code run under the function's role."""
    key = code_key(sha256(b"code"))
    planned.s3.objects[key] = b"evil"
    with pytest.raises(CloneFailed, match="somebody wrote into the artifact bucket") as raised:
        create(planned)
    assert key in raised.value.hint
    assert "invoke" not in {call for call, _ in planned.aws.calls}


def test_copy_that_is_found_on_a_retry_is_checked_too(planned: FakeRun) -> None:
    """The answer of the first call was lost: what it made is looked at before it counts as made."""
    planned.s3.objects[code_key(sha256(b"code"))] = b"evil"
    make = planned.aws.create_function

    def lost(**request: Any) -> Any:
        make(**request)
        raise client_error("ResourceConflictException", "Function already exist")

    planned.aws.create_function = lost  # type: ignore[method-assign]
    with pytest.raises(CloneNotReady):
        create(planned)
    with pytest.raises(CloneFailed, match="somebody wrote into the artifact bucket"):
        create(planned)


def test_version_with_other_code_is_not_invoked(run: FakeRun) -> None:
    """SnapStart's version is checked as the function is."""
    run.aws.functions["theirs"] |= {"Runtime": "java21", "SnapStart": {"ApplyOn": "PublishedVersions"}}
    run.plan(snapStart=True)
    run.suggest()
    with pytest.raises(CloneNotReady):
        create(run)
    (name,) = (name for name in run.aws.functions if name != "theirs")
    run.aws.functions[name]["CodeSha256"] = sha256(b"evil")
    with pytest.raises(CloneFailed, match="somebody wrote"):
        create(run)


def test_damaged_package_is_named_as_such(planned: FakeRun) -> None:
    """A truncated archive is refused by Lambda, and the hint leads to the bucket."""

    def refuse(call: str, name: str) -> None:
        if call == "create_function":
            raise client_error(
                "InvalidParameterValueException",
                "Could not unzip uploaded file. Please check your file, then try to upload again.",
            )

    planned.aws.before = refuse
    with pytest.raises(CloneFailed, match="Could not unzip") as raised:
        create(planned)
    assert "artifact bucket is damaged" in raised.value.hint


def image(run: FakeRun, **code: str) -> None:
    """Make the function a container image and plan a run of it."""
    run.aws.functions["theirs"] |= {"PackageType": "Image", "CodeSha256": "ab12"}
    run.plan()
    run.suggest()
    run.aws.get_function = lambda **_: {"Code": {"RepositoryType": "ECR", **code}}  # type: ignore[method-assign]


def test_image_is_taken_by_its_digest(run: FakeRun) -> None:
    """Whatever its tag points to by now."""
    image(run, ImageUri=f"{IMAGE}:latest", ResolvedImageUri=f"{IMAGE}@sha256:ab12")
    assert create(run) == 1


def test_other_image_under_the_tag_is_not_invoked(run: FakeRun) -> None:
    """Without a digest to take it by, the answer's tells."""
    image(run, ImageUri=f"{IMAGE}@sha256:cd34")
    with pytest.raises(CloneFailed, match="another image under its tag"):
        create(run)


def test_image_that_lambda_may_not_fetch_is_refused_with_the_way_out(run: FakeRun) -> None:
    """Lambda's own sentence about a repository's policy is no missing permission of our role."""
    image(run, ImageUri=f"{IMAGE}:latest")

    def refuse(call: str, name: str) -> None:
        if call == "create_function":
            raise client_error(
                "AccessDeniedException",
                "Lambda does not have permission to access the ECR image. Check the ECR permissions.",
            )

    run.aws.before = refuse
    with pytest.raises(CloneFailed, match="does not have permission to access the ECR image") as raised:
        create(run)
    assert "repository" in raised.value.hint
    assert "lambda-tuner-clone-*" in raised.value.hint


def test_missing_permission_of_our_role_is_told_as_one(planned: FakeRun) -> None:
    """With the action, the resource and the role."""

    def refuse(call: str, name: str) -> None:
        if call == "create_function":
            raise client_error(
                "AccessDeniedException",
                "User: arn:aws:sts::123456789012:assumed-role/ours/x is not authorized to perform: "
                "lambda:AssociateRuntimeAlias on resource: arn:aws:lambda:eu-west-1:210987654321:runtime/theirs "
                "because no identity-based policy allows the lambda:AssociateRuntimeAlias action",
            )

    planned.aws.before = refuse
    with pytest.raises(PermissionDenied, match="may not call lambda:AssociateRuntimeAlias on arn:aws:lambda"):
        create(planned)


# --- Code that expires -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("hours", "renewed"), [(1, False), (23, False), (25, True), (70, True)])
def test_copy_is_renewed_before_it_can_expire(
    planned: FakeRun, monkeypatch: pytest.MonkeyPatch, hours: int, renewed: bool
) -> None:
    """A copy of a day may vanish while the run uses it; a young one is not made again."""
    key = code_key(sha256(b"code"))
    planned.s3.written_at[key] = planned.s3.now - timedelta(hours=hours)
    asked = handed_out(planned, monkeypatch)
    assert copied(planned) is renewed
    assert len(asked) == int(renewed)
    assert (planned.s3.written_at[key] == planned.s3.now) is renewed


def test_run_survives_a_package_that_vanishes_between_its_rounds(run: FakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same round goes on from where it was, with the package copied again."""
    run.plan()
    asked = handed_out(run, monkeypatch)
    run.round()
    del run.s3.objects[code_key(sha256(b"code"))]
    number, batches = run.suggest()
    with pytest.raises(CodeGone):
        create_clones(run.artifacts, run.reader, run.clones, number)
    assert copied(run)
    assert run.suggest() == (number, batches)
    assert create_clones(run.artifacts, run.reader, run.clones, number) == len(batches)
    assert len(asked) == 1


def test_package_that_vanishes_every_time_ends_the_run(planned: FakeRun) -> None:
    """The way back to CopyCode is not gone for ever; what was learnt of the account stays known."""
    planned.artifacts.write("facts.json", {"memory_cap_mb": 3008})
    del planned.s3.objects[code_key(sha256(b"code"))]
    for _ in range(2):
        with pytest.raises(CodeGone):
            create(planned)
    with pytest.raises(CloneFailed, match="removed each time"):
        create(planned)
    assert planned.artifacts.read("facts.json")["memory_cap_mb"] == 3008


# --- Code that Lambda only points to ---------------------------------------------------------------------------------


def test_code_by_reference_is_copied_from_its_owners_bucket(by_reference: FakeRun) -> None:
    """The version that the function has, into ours, checked by its hash; a clone is made from there."""
    by_reference.s3.objects["theirs.zip"] = b"a newer version"
    assert copied(by_reference)
    by_reference.suggest()
    assert create(by_reference) == 1


def test_code_by_reference_that_changed_is_not_taken(by_reference: FakeRun) -> None:
    """As with a package that Lambda hands out."""
    by_reference.s3.objects["packages/theirs.zip@v7"] = b"evil"
    with pytest.raises(CloneFailed, match=r"The hash of the function.s package is not"):
        copied(by_reference)


def test_code_by_reference_that_may_not_be_read_is_refused_with_the_way_out(by_reference: FakeRun) -> None:
    """The true reason: where it lies, and that it is a permission; before anything is made."""

    def refuse(**_: str) -> None:
        raise client_error(
            "AccessDenied",
            "User: arn:aws:sts::123456789012:assumed-role/copy-code/x is not authorized to perform: "
            'S3:GetObjectVersion on resource: "arn:aws:s3:::packages/theirs.zip" because no identity-based policy',
        )

    by_reference.s3.get_object = refuse_other_buckets(by_reference, refuse)  # type: ignore[method-assign]
    with pytest.raises(FunctionNotTunable, match=r"REFERENCE.*GetObjectVersion") as raised:
        copied(by_reference)
    assert "arn:aws:s3:::packages/theirs.zip" in raised.value.hint
    assert "CodeObjects" in raised.value.hint
    assert list(by_reference.aws.functions) == ["theirs"]


def refuse_other_buckets(run: FakeRun, refuse: Any) -> Any:
    """Let our own bucket answer, and others refuse."""
    get = run.s3.get_object
    return lambda **arguments: get(**arguments) if arguments["Bucket"] == "bucket" else refuse(**arguments)


def test_code_by_reference_that_is_gone_is_named(by_reference: FakeRun) -> None:
    """The function itself will not start again without it."""
    del by_reference.s3.objects["packages/theirs.zip@v7"]
    with pytest.raises(FunctionNotTunable, match=r"gone from s3://packages/theirs\.zip, version v7") as raised:
        copied(by_reference)
    assert "put the code back" in raised.value.hint
