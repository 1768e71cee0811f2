"""Deploy the template that ``sam deploy`` takes on the embedded account, without Docker and the cloud."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tuner.core.errors import TunerError
from tuner.embedded.identity import ACCOUNT_ID, CODE_BUCKET, REGION, STACK, memory_cap_mb
from tuner.embedded.packing import collect_package, pack, pack_folder

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

    *root* holds ``template.yaml`` and what it points to; parameters that it does not declare are left out. With
    *own_code* every function gets this archive as its code; without it each ``CodeUri`` is packed from its folder.

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
            properties["Definition"] = one_run_at_a_time(_definition(root / properties.pop("DefinitionUri")))
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


def one_run_at_a_time(definition: dict[str, Any]) -> dict[str, Any]:
    """Let a night tune one function after the other: on one machine several runs at once measure each other."""
    for state in definition["States"].values():
        if "MaxConcurrency" in state:  # of tune's own Map the run's plan says it
            state["MaxConcurrency"] = 1
    return definition


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
    files = collect_package(root).files
    return pack({f"{root.name}/{name}": path for name, path in files.items() if name.split("/")[0] not in STAY_AT_HOME})


def _ensure_code_bucket(clients: Clients) -> None:
    s3 = clients("s3")
    existing = {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
    if CODE_BUCKET not in existing:
        s3.create_bucket(Bucket=CODE_BUCKET)
