"""Deploy the template that ``sam deploy`` takes on the embedded account, without Docker and the cloud."""

from __future__ import annotations

import copy
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tuner.core.errors import TunerError
from tuner.embedded.identity import ACCOUNT_ID, CODE_BUCKET, REGION, STACK, memory_cap_mb

Clients = Callable[[str], Any]

STAY_AT_HOME = ("cli", "embedded", "_application")
"""The parts of the package that no function of the stack imports."""

_MANAGED_POLICIES = (
    "service-role/AWSLambdaBasicExecutionRole",
    "service-role/AWSLambdaVPCAccessExecutionRole",
    "AWSXRayDaemonWriteAccess",
    "AWSXrayWriteOnlyAccess",
    "CloudWatchLambdaInsightsExecutionRolePolicy",
)


class DeploymentFailed(TunerError):
    """The application's template could not be deployed on the embedded account."""


def deploy_template(
    clients: Clients, root: Path, parameters: Mapping[str, str], *, own_code: bytes | None = None, stack: str = STACK
) -> None:
    """Transform the SAM template of *root* and create its stack.

    Args:
        clients: Makes boto3 clients of the embedded account.
        root: Holds ``template.yaml`` and what it points to.
        parameters: Values of the template's parameters; those it does not declare are left out.
        own_code: Archive that every function of the template gets as its code;
            without it each ``CodeUri`` is packed from its folder.
        stack: Name of the stack.

    Raises:
        DeploymentFailed: The template cannot be read, transformed or created; says where.
    """
    template = read_template(root)
    declared = template.get("Parameters") or {}
    values = {name: value for name, value in parameters.items() if name in declared}
    uploaded: dict[str, str] = {}

    def upload(code_uri: Any) -> str:
        place = "own" if own_code is not None else str(code_uri or ".")
        if place not in uploaded:
            archive = own_code if own_code is not None else pack_folder(root / place)
            uploaded[place] = f"{stack}/{len(uploaded)}.zip"
            clients("s3").put_object(Bucket=CODE_BUCKET, Key=uploaded[place], Body=archive)
        return f"s3://{CODE_BUCKET}/{uploaded[place]}"

    _ensure_code_bucket(clients)
    cloudformation_template = transform(template, root, values, stack=stack, upload=upload)
    cloudformation = clients("cloudformation")
    try:
        cloudformation.create_stack(
            StackName=stack,
            TemplateBody=json.dumps(cloudformation_template),
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()],
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
        )
        status = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
    except Exception as error:
        raise DeploymentFailed(
            f"The stack {stack} could not be created on the embedded AWS: {error}.",
            hint="The server's log tells which resource it was.",
        ) from error
    if status != "CREATE_COMPLETE":
        raise DeploymentFailed(f"The stack {stack} ended as {status}.", hint="The server's log tells why.")


def read_template(root: Path) -> dict[str, Any]:
    """Read ``template.yaml`` with its short-form functions (``!Sub``) written out.

    Raises:
        DeploymentFailed: There is no template, or it holds no resources.
    """
    from samtranslator.yaml_helper import yaml_parse

    path = root / "template.yaml"
    try:
        template = yaml_parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DeploymentFailed(f"{path} cannot be read: {error}.", hint="Install lambda-tuner again.") from error
    if not isinstance(template, dict) or not template.get("Resources"):
        raise DeploymentFailed(f"{path} holds no resources.", hint="Install lambda-tuner again.")
    return template


def transform(
    template: dict[str, Any],
    root: Path,
    parameters: Mapping[str, str],
    *,
    upload: Callable[[Any], str],
    stack: str = STACK,
) -> dict[str, Any]:
    """Turn a SAM template into a CloudFormation template, as AWS's ``AWS::Serverless`` transform does.

    Local code goes through *upload* (``CodeUri`` → S3 address), local state
    machine definitions are put into the template.

    Raises:
        DeploymentFailed: The template is not a valid SAM template; lists the reasons.
    """
    import boto3
    from samtranslator.model.exceptions import InvalidDocumentException
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator

    prepared = copy.deepcopy(template)
    common = (prepared.get("Globals") or {}).get("Function") or {}
    common_code = common.pop("CodeUri", None)
    for resource in prepared["Resources"].values():
        properties = resource.setdefault("Properties", {})
        if resource["Type"] == "AWS::Serverless::Function" and "InlineCode" not in properties:
            properties["CodeUri"] = upload(properties.get("CodeUri", common_code))
        elif resource["Type"] == "AWS::Serverless::LayerVersion":
            properties["ContentUri"] = upload(properties.get("ContentUri"))
        elif resource["Type"] == "AWS::Serverless::StateMachine" and isinstance(properties.get("DefinitionUri"), str):
            properties["Definition"] = _definition(root / properties.pop("DefinitionUri"))
    policies = {name.rpartition("/")[2]: f"arn:aws:iam::aws:policy/{name}" for name in _MANAGED_POLICIES}
    pseudo = {"AWS::AccountId": ACCOUNT_ID, "AWS::StackName": stack}
    translator = Translator(policies, Parser(), boto_session=boto3.Session(region_name=REGION))
    try:
        return dict(translator.translate(prepared, {**parameters, **pseudo}))
    except InvalidDocumentException as error:
        reasons = "; ".join(cause.message for cause in error.causes) or error.message
        raise DeploymentFailed(f"{root / 'template.yaml'} is not valid: {reasons}", hint="Run sam validate.") from error


def _definition(path: Path) -> dict[str, Any]:
    from samtranslator.yaml_helper import yaml_parse

    try:
        text = path.read_text(encoding="utf-8")
        return dict(json.loads(text) if path.suffix == ".json" else yaml_parse(text))
    except (OSError, ValueError) as error:
        raise DeploymentFailed(
            f"The definition {path} cannot be read: {error}.", hint="Install lambda-tuner again."
        ) from error


def deployment_parameters(parameters: Mapping[str, str] | None = None) -> dict[str, str]:
    """Give the parameters of a local deployment, and what the caller adds.

    The largest memory size is this machine's, and reports on the user's own disk stay for ten years.
    """
    return {"MemoryCapMb": str(memory_cap_mb()), "RetentionDays": "3650", **(parameters or {})}


def own_code_archive(package: Path | None = None) -> bytes:
    """Pack the part of this package that the stack's functions run.

    Their dependencies come from the interpreter's own site-packages, as the
    Lambda runtime brings boto3.
    """
    root = package or Path(__file__).resolve().parent.parent
    files = {f"{root.name}/{path.relative_to(root).as_posix()}": path for path in _walk(root)}
    return _pack({name: path for name, path in files.items() if name.split("/")[1] not in STAY_AT_HOME})


def pack_folder(folder: Path, *, limit_bytes: int | None = None, comment: str = "") -> bytes:
    """Pack a folder's files as a deployment package, without version control, caches, virtual environments, secrets.

    Args:
        folder: What becomes the function's root.
        limit_bytes: Refuse more than this, unpacked.
        comment: Of the archive: the same files with another are another package.

    Raises:
        DeploymentFailed: The folder is missing or too large.
    """
    if not folder.is_dir():
        raise DeploymentFailed(f"There is no folder {folder}.", hint="Name the folder that holds the handler's file.")
    files: dict[str, Path] = {}
    size = 0
    for path in _walk(folder):
        size += path.stat().st_size
        if limit_bytes is not None and size > limit_bytes:
            raise DeploymentFailed(
                f"The code in {folder} is larger than Lambda's limit of {limit_bytes // 1024**2} MB unpacked.",
                hint="Point to the folder that holds only the function, or leave data and build folders out.",
            )
        files[path.relative_to(folder).as_posix()] = path
    return _pack(files, comment)


_LEFT_OUT = {
    ".env",
    ".git",
    ".venv",
    "venv",
    "__pycache__",
    "node_modules",
    ".aws-sam",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
}


def _walk(folder: Path) -> list[Path]:
    found: list[Path] = []
    for path in sorted(folder.iterdir()):
        if path.name in _LEFT_OUT or path.name.startswith((".venv", ".env.")):
            continue
        if path.is_dir() and not path.is_symlink():
            found.extend(_walk(path))
        elif path.is_file() and path.suffix != ".pyc":
            found.append(path)
    return found


def _pack(files: Mapping[str, Path], comment: str = "") -> bytes:
    """Pack files so that the same content gives the same bytes: no times, sorted names."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o100755 if files[name].stat().st_mode & 0o100 else 0o100644) << 16
            archive.writestr(entry, files[name].read_bytes())
        archive.comment = comment.encode()
    return packed.getvalue()


def _ensure_code_bucket(clients: Clients) -> None:
    s3 = clients("s3")
    existing = {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
    if CODE_BUCKET not in existing:
        s3.create_bucket(Bucket=CODE_BUCKET)
