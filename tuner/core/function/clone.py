"""What of the function a clone gets, field by field.

``TREATMENTS`` says for every field that ``GetFunctionConfiguration`` may
answer what becomes of it, ``CODE_TREATMENTS`` for every field of
``GetFunction``'s ``Code``, and ``NOT_SET`` why a clone does not get what else
``CreateFunction`` takes, down to its nested fields. Tests compare them with
botocore's model of the three calls: a field that AWS adds and nobody here has
thought about fails them, so that no setting is ever left behind in silence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tuner.core.errors import ServiceError
from tuner.core.model import Candidate


@dataclass(frozen=True, slots=True)
class Treatment:
    """What becomes of one field, and why.

    ``copied``: the clone has the function's value. ``ours``: the clone has a
    value that the run decides. ``left_out``: the clone has none, and its
    measured duration does not depend on it. ``refused``: a function that has
    it cannot be tuned. ``answer``: it describes the function and cannot be set.
    """

    kind: Literal["copied", "ours", "left_out", "refused", "answer"]
    why: str = ""


_COPIED = Treatment("copied")
_ANSWER = Treatment("answer")

TREATMENTS: Mapping[str, Treatment] = {
    "Architectures": Treatment("ours", "the candidate's; by default the function's own"),
    "CodeSha256": Treatment("copied", "the package is copied by this hash, an image by its digest"),
    "Environment": Treatment("copied", "from function to clone, never through the bucket"),
    "EphemeralStorage": _COPIED,
    "FileSystemConfigs": _COPIED,
    "Handler": _COPIED,
    "ImageConfigResponse": Treatment("copied", "as ImageConfig"),
    "KMSKeyArn": _COPIED,
    "Layers": Treatment("copied", "by version"),
    "PackageType": _COPIED,
    "Role": _COPIED,
    "Runtime": _COPIED,
    "RuntimeConfig": _COPIED,
    "Timeout": _COPIED,
    "TracingConfig": _COPIED,
    "VpcConfig": Treatment("copied", "subnets, security groups, IPv6; the VPC follows from the subnets"),
    "Description": Treatment("ours", "says whose clone it is, and that it may be deleted"),
    "FunctionName": Treatment("ours", "lambda-tuner-clone-<run>-<memory>-<architecture>"),
    "LoggingConfig": Treatment(
        "ours",
        "format and application level are the function's; the group is ours, and the system level is INFO, "
        "since at WARN there is no REPORT record",
    ),
    "MemorySize": Treatment("ours", "this is what is measured"),
    "DeadLetterConfig": Treatment("left_out", "for asynchronous events; a clone is invoked synchronously"),
    "RuntimeVersionConfig": Treatment(
        "left_out", "a clone runs on the newest version of its runtime; a function pinned to another is refused"
    ),
    "SigningJobArn": Treatment("left_out", "the clone's code is the same, checked by its hash, not its signature"),
    "SigningProfileVersionArn": Treatment("left_out", "as SigningJobArn"),
    "SnapStart": Treatment(
        "ours", "none, as it takes minutes and a fee a clone; the function's own if the request asks (snapStart)"
    ),
    "AcceleratorConfig": Treatment("refused", "GPU functions"),
    "CapacityProviderConfig": Treatment("refused", "Managed Instances"),
    "DurableConfig": Treatment("refused", "durable functions"),
    "MasterArn": Treatment("refused", "Lambda@Edge replicas"),
    "TenancyConfig": Treatment("refused", "tenant isolation"),
    "CodeSize": _ANSWER,
    "ConfigSha256": _ANSWER,
    "FunctionArn": _ANSWER,
    "LastModified": _ANSWER,
    "LastUpdateStatus": _ANSWER,
    "LastUpdateStatusReason": _ANSWER,
    "LastUpdateStatusReasonCode": _ANSWER,
    "RevisionId": _ANSWER,
    "State": _ANSWER,
    "StateReason": _ANSWER,
    "StateReasonCode": _ANSWER,
    "Version": _ANSWER,
}
"""Every field of ``GetFunctionConfiguration``'s answer and what becomes of it in a clone."""

CHECKED_WITH = "1.44.5"
"""The botocore whose model of Lambda the tables here name every field of."""

CODE_TREATMENTS: Mapping[str, Treatment] = {
    "ImageUri": Treatment("left_out", "may name a tag, which may be moved: the clone gets ResolvedImageUri"),
    "Location": Treatment("copied", "the package that is fetched there lies in the artifact bucket for the clones"),
    "ResolvedImageUri": Treatment("copied", "by digest"),
    "ResolvedS3Object": Treatment(
        "copied",
        "code that Lambda only points to (S3ObjectStorageMode REFERENCE) is copied from there as from Location; "
        "refused if it may not be read",
    ),
    "SourceKMSKeyArn": Treatment("left_out", "a clone's package is encrypted by a key of AWS, as Lambda's default is"),
    "Error": Treatment("answer", "says why there is no Location"),
    "RepositoryType": _ANSWER,
}
"""Every field of ``GetFunction``'s ``Code`` and what becomes of it in a clone."""

NOT_SET: Mapping[str, str] = {
    "Code.S3ObjectStorageMode": "COPY, the default: REFERENCE needs a bucket policy for each clone's name",
    "Code.S3ObjectVersion": "the artifact bucket has no versions; the clone's code is checked by its hash",
    "Code.SourceKMSKeyArn": CODE_TREATMENTS["SourceKMSKeyArn"].why,
    "Code.ZipFile": "as S3Bucket and S3Key: packages are too large for a request",
    "CodeSigningConfigArn": "as SigningJobArn",
    "PublishTo": "for Managed Instances",
}
"""What ``CreateFunction`` takes beyond that, and why a clone does not get it."""


def check_service_model(botocore: str) -> None:
    """Refuse to clone with a service model that may not know a field of the tables: the clone would lack it in silence.

    Raises:
        ServiceError: It is older than the one that the tables were checked with.

    Example:
        >>> check_service_model("1.45.0")
    """
    if _numbers(botocore) < _numbers(CHECKED_WITH):
        raise ServiceError(
            f"Lambda Tuner calls AWS with botocore {botocore}, and what a clone gets was checked with {CHECKED_WITH}: "
            "a setting that only the newer one knows would silently be left out of the clones.",
            hint="Deploy again with `sam build && sam deploy`, which includes the right one, and remove any layer "
            "that brings another.",
        )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])


def clone_request(
    name: str,
    candidate: Candidate,
    configuration: Mapping[str, Any],
    code: Mapping[str, str],
    tags: Mapping[str, str],
    *,
    log_group: str,
    snap_start: bool = False,
) -> dict[str, Any]:
    """Write the ``CreateFunction`` request of a clone.

    Args:
        name: The clone's name.
        candidate: Memory size and architecture it gets.
        configuration: ``GetFunctionConfiguration``'s answer for the version that is measured.
        code: ``S3Bucket`` and ``S3Key``, or ``ImageUri`` by digest.
        tags: Which run it belongs to and until when; none of the function's own.
        log_group: Ours, with short retention.
        snap_start: Whether it is published with SnapStart.
    """
    request: dict[str, Any] = {
        "FunctionName": name,
        "Description": f"Clone of {configuration['FunctionName']} by Lambda Tuner; safe to delete.",
        "Role": configuration["Role"],
        "Code": dict(code),
        "PackageType": configuration.get("PackageType") or "Zip",
        "MemorySize": candidate.memory_mb,
        "Timeout": configuration["Timeout"],
        "Architectures": [candidate.architecture],
        "Environment": {"Variables": (configuration.get("Environment") or {}).get("Variables") or {}},
        "TracingConfig": {"Mode": (configuration.get("TracingConfig") or {}).get("Mode") or "PassThrough"},
        "EphemeralStorage": {"Size": (configuration.get("EphemeralStorage") or {}).get("Size") or 512},
        "LoggingConfig": _logging(configuration, log_group),
        "Tags": dict(tags),
        "Publish": snap_start,
    }
    if snap_start:
        request["SnapStart"] = {"ApplyOn": "PublishedVersions"}
    for key in ("Runtime", "RuntimeConfig", "Handler", "KMSKeyArn", "FileSystemConfigs"):
        if configuration.get(key):
            request[key] = configuration[key]
    if configuration.get("Layers"):
        request["Layers"] = [layer["Arn"] for layer in configuration["Layers"]]
    vpc = configuration.get("VpcConfig") or {}
    if vpc.get("SubnetIds"):
        request["VpcConfig"] = {key: value for key, value in vpc.items() if key != "VpcId"}
    image = (configuration.get("ImageConfigResponse") or {}).get("ImageConfig")
    if image:
        request["ImageConfig"] = image
    return request


def _logging(configuration: Mapping[str, Any], log_group: str) -> dict[str, str]:
    theirs = configuration.get("LoggingConfig") or {}
    log_format = str(theirs.get("LogFormat") or "Text")
    if log_format != "JSON":
        return {"LogFormat": log_format, "LogGroup": log_group}
    ours = {"LogFormat": log_format, "LogGroup": log_group, "SystemLogLevel": "INFO"}
    if theirs.get("ApplicationLogLevel"):
        ours["ApplicationLogLevel"] = str(theirs["ApplicationLogLevel"])
    return ours


_WAYS_OUT = (
    (
        r"permission to access the ECR image|ecr:BatchGetImage|ecr:GetDownloadUrlForLayer",
        "The image's repository refuses it: its policy must let Lambda fetch it (lambda.amazonaws.com, with an "
        "aws:SourceArn that covers function:lambda-tuner-clone-*), and, if it is another account's, this account too "
        "(ecr:BatchGetImage, ecr:GetDownloadUrlForLayer).",
    ),
    (
        r"denied by S3",
        "Lambda reads the copied package with the create-clones role: it must be allowed to read clones/ in the "
        "artifact bucket, and to use the bucket's key (ArtifactKeyArn), whose own policy decides too.",
    ),
    (
        r"could not unzip",
        "The package in the artifact bucket is damaged: somebody overwrote it after it was copied there and checked. "
        "Find out who may write to clones/ there, remove the object, and start again.",
    ),
    (
        r"source image|image .*(does not exist|not found)|ImageUri",
        "The function keeps its image, a clone cannot get it: push the image again, deploy the function with it, "
        "and start again.",
    ),
    (
        r"layer version .*(does not exist|not found)",
        "The function keeps the layer version, a clone cannot get it: deploy it with layer versions that exist.",
    ),
    (
        r"runtime parameter of .* no longer supported|runtime .*(deprecated|not supported)",
        "AWS no longer creates functions with this runtime: move the function to a current one, and tune that.",
    ),
    (
        r"cannot be assumed by Lambda",
        "The role trusts Lambda for the function alone: its trust policy must let Lambda use it for "
        "lambda-tuner-clone-* too, or tune a copy of the function with a role of its own.",
    ),
    (
        r"KMS|kms:",
        "Allow the create-clones role to use the function's KMS key (kms:Decrypt, kms:CreateGrant); "
        "docs/permissions.md says how.",
    ),
    (
        r"code storage|CodeStorageExceeded",
        "The account's storage for functions is full: remove versions that are no longer used.",
    ),
    (
        r":runtime/|runtime alias|RuntimeConfig",
        "The function's runtime is a customer-managed one: its owner must let this account use it, and the alias must "
        "not be deleted or blocked for new functions.",
    ),
    (
        r"(ec2|elasticfilesystem|s3files|mount target|subnet|security group|access point)",
        "A subnet, a security group or a file system of the function is gone or may not be used; a clone needs it too.",
    ),
)


def way_out(refusal: str) -> str:
    """What to do if AWS refuses to create a clone, by what its sentence names.

    Example:
        >>> way_out("The runtime parameter of ruby2.7 is no longer supported for creating functions.")[:44]
        'AWS no longer creates functions with this ru'
    """
    for pattern, hint in _WAYS_OUT:
        if re.search(pattern, refusal, re.IGNORECASE):
            return hint
    return "docs/limits.md lists what a clone cannot do."
