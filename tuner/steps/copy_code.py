"""CopyCode: the function's package, once, into our own bucket."""

from __future__ import annotations

from typing import Any

from tuner.aws.artifacts import RunArtifacts
from tuner.aws.code import code_key, copy_package
from tuner.aws.target import TargetReader
from tuner.core.errors import CloneFailed
from tuner.steps.run import load_record


def copy_code(artifacts: RunArtifacts, reader: TargetReader, s3: Any) -> bool:
    """Copy the package unless it is there already, or is a container image.

    Returns:
        Whether anything was copied.

    Raises:
        FunctionNotFound: The function is gone since the plan was made.
        CloneFailed: The package is not that of the planned version, or is not handed out.
    """
    target = load_record(artifacts).target
    if target.package_type == "Image" or artifacts.all.exists(code_key(target.code_sha256)):
        return False
    code = reader.code_location(target.name, target.qualifier)
    location = code.get("Location")
    if not location:
        why = (code.get("Error") or {}).get("Message") or "no reason given"
        raise CloneFailed(
            f"Lambda does not hand out the package of {target.name}: {why}",
            hint="If it is encrypted by a key of yours, allow the copy-code role to use that key.",
        )
    copy_package(s3, artifacts.all.bucket, location, target.code_sha256)
    return True
