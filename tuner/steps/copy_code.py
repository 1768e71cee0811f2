"""CopyCode: the function's package, once, into our own bucket."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from tuner.aws.artifacts import RunArtifacts
from tuner.aws.code import copy_package, handed_out, kept_by_its_owner
from tuner.aws.target import TargetReader
from tuner.core.errors import CloneFailed, FunctionNotTunable, PermissionDenied
from tuner.core.function.target import TargetFunction
from tuner.core.run.bucket_layout import code_key
from tuner.steps.run import load_record

_YOUNG = timedelta(days=1)
"""A copy is used up to this age. The bucket's rule removes it no earlier than a day later, and a run takes hours."""


def copy_code(artifacts: RunArtifacts, reader: TargetReader, s3: Any, *, now: datetime) -> bool:
    """Copy the package, unless a young copy is there or it is a container image.

    Returns:
        Whether anything was copied.

    Raises:
        FunctionNotFound: The function is gone since the plan was made.
        FunctionNotTunable: Its code lies in a bucket of its owner, and cannot be read there.
        CloneFailed: The package is not that of the planned version, or is not handed out.
    """
    target = load_record(artifacts).target
    if target.package_type == "Image":
        return False
    copied_at = artifacts.bucket.written_at(code_key(target.code_sha256))
    if copied_at is not None and now - copied_at < _YOUNG:
        return False
    code = reader.code_location(target.name, target.qualifier)
    place = code.get("ResolvedS3Object")
    if place:
        _copy_from_owner(artifacts, s3, target, place)
        return True
    location = code.get("Location")
    if not location:
        why = (code.get("Error") or {}).get("Message") or "no reason given"
        raise CloneFailed(
            f"Lambda does not hand out the package of {target.name}: {why}",
            hint="If it is encrypted by a key of yours, allow the copy-code role to use that key.",
        )
    copy_package(s3, artifacts.bucket.name, handed_out(location), target.code_sha256)
    return True


def _copy_from_owner(artifacts: RunArtifacts, s3: Any, target: TargetFunction, place: Mapping[str, str]) -> None:
    try:
        copy_package(s3, artifacts.bucket.name, kept_by_its_owner(s3, place), target.code_sha256)
    except PermissionDenied as denied:
        partition = target.arn.split(":")[1]
        raise FunctionNotTunable(
            f"{target.name} cannot be tuned: its code lies in a bucket of yours, to which Lambda only points "
            f"(S3ObjectStorageMode REFERENCE), and it could not be read there. {denied.message}",
            hint=f"Add arn:{partition}:s3:::{place['S3Bucket']}/{place['S3Key']} to the stack's parameter CodeObjects "
            "(and allow the role in the bucket's or the key's policy, if that is what refuses it); or deploy the "
            "function with S3ObjectStorageMode COPY.",
        ) from denied
