"""Patches of moto's CloudFormation: resources that it does not know, or makes differently."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Mapping
from typing import Any

from tuner.embedded.moto_patches.common import add_resource, replaces
from tuner.embedded.moto_patches.hooks import Hooks

LOG = logging.getLogger(__name__)


def patch_function_from_cloudformation(hooks: Hooks) -> None:
    """Pass all of a template's properties to the function: moto passes seven of them and drops the rest."""
    from moto.awslambda import models
    from moto.awslambda.utils import get_backend

    integers = ("MemorySize", "Timeout", "ReservedConcurrentExecutions")

    def specification(properties: Mapping[str, Any]) -> dict[str, Any]:
        spec = {key: value for key, value in properties.items() if key != "Tags"}
        spec.update({key: int(spec[key]) for key in integers if key in spec})
        if "Environment" in spec:
            variables = spec["Environment"].get("Variables", {})
            spec["Environment"] = {"Variables": {name: str(value) for name, value in variables.items()}}
        if "EphemeralStorage" in spec:
            spec["EphemeralStorage"] = {"Size": int(spec["EphemeralStorage"]["Size"])}
        if "ZipFile" in spec.get("Code", {}):
            archive = models.LambdaFunction._create_zipfile_from_plaintext_code(spec["Code"]["ZipFile"])
            spec["Code"] = {"ZipFile": base64.b64encode(archive)}
        return spec

    def create(
        cls: type[Any], /, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **_: Any
    ) -> Any:
        properties = cloudformation_json["Properties"]
        spec = {**specification(properties), "FunctionName": resource_name}
        spec["Tags"] = {tag["Key"]: tag["Value"] for tag in properties.get("Tags", [])}
        return get_backend(account_id, region_name).create_function(spec)

    def update(cls: type[Any], /, original_resource: Any, cloudformation_json: Any, **where: Any) -> Any:
        spec = specification(cloudformation_json["Properties"])
        name = original_resource.function_name
        if spec.get("FunctionName", name) != name:
            made = create(cls, spec["FunctionName"], cloudformation_json, **where)
            get_backend(where["account_id"], where["region_name"]).delete_function(name)
            return made
        original_resource.update_function_code(spec.pop("Code"))
        original_resource.update_configuration(spec)
        return original_resource

    models.LambdaFunction.create_from_cloudformation_json = classmethod(create)
    models.LambdaFunction.update_from_cloudformation_json = classmethod(update)


def patch_state_machines_from_cloudformation(hooks: Hooks) -> None:
    """Put a template's state machines where executions run, with their substitutions and their ARN.

    moto creates them in the back end that executes nothing, reads neither
    ``Definition`` nor ``DefinitionSubstitutions``, and knows no attribute ``Arn``.
    """
    from moto.stepfunctions import models, urls
    from moto.stepfunctions.parser.models import StepFunctionsParserBackend, stepfunctions_parser_backends
    from moto.stepfunctions.utils import cfn_to_api_tags

    models.stepfunctions_backends = stepfunctions_parser_backends
    StepFunctionsParserBackend._url_module = urls  # moto would look for one beside the class, where there is none

    def definition_of(properties: Mapping[str, Any]) -> str:
        definition = properties.get("DefinitionString") or properties.get("Definition") or "{}"
        text = definition if isinstance(definition, str) else json.dumps(definition)
        for name, value in (properties.get("DefinitionSubstitutions") or {}).items():
            text = text.replace("${" + name + "}", json.dumps(str(value))[1:-1])
        return text

    def create(
        cls: type[Any], /, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **_: Any
    ) -> Any:
        properties = cloudformation_json["Properties"]
        tracing = properties.get("TracingConfiguration")
        return stepfunctions_parser_backends[account_id][region_name].create_state_machine(
            properties.get("StateMachineName", resource_name),
            definition_of(properties),
            properties.get("RoleArn", ""),
            tags=cfn_to_api_tags(properties.get("Tags", [])),
            tracingConfiguration={"enabled": str(tracing.get("Enabled")).lower() == "true"} if tracing else None,
            sm_type=properties.get("StateMachineType"),
        )

    @replaces(models.StateMachine)
    def update_from_cloudformation_json(original: Any, cls: Any, *, cloudformation_json: Any, **rest: Any) -> Any:
        properties = cloudformation_json["Properties"]
        properties["DefinitionString"] = definition_of(properties)
        return original(cls, cloudformation_json=cloudformation_json, **rest)

    @replaces(models.StateMachine)
    def has_cfn_attr(original: Any, cls: Any, attribute: str) -> bool:
        return attribute in ("Arn", "StateMachineRevisionId") or bool(original(cls, attribute))

    @replaces(models.StateMachine)
    def get_cfn_attribute(original: Any, self: Any, attribute: str) -> Any:
        if attribute in ("Arn", "StateMachineRevisionId"):
            return self.arn if attribute == "Arn" else "INITIAL"
        return original(self, attribute)

    models.StateMachine.create_from_cloudformation_json = classmethod(create)


def patch_bucket_policies(hooks: Hooks) -> None:
    """Put bucket policies from a template, and do not apply a condition's statement as if it had none.

    moto skips the resource with a warning, and evaluates no conditions: the
    usual ``Deny`` of what is not TLS then denies everything, here where all
    is loopback.
    """
    from moto.iam.access_control import IAMPolicy, PermissionResult
    from moto.s3.models import FakeBucket, s3_backends

    def get_permission(self: Any, action: str, resource: str) -> Any:
        if self.policy is None:
            return PermissionResult.NEUTRAL
        document = json.loads(self.policy)
        statements = document["Statement"]
        statements = statements if isinstance(statements, list) else [statements]
        unconditional = [statement for statement in statements if not statement.get("Condition")]
        if not unconditional:
            return PermissionResult.NEUTRAL
        return IAMPolicy(json.dumps({**document, "Statement": unconditional})).is_action_permitted(action, resource)

    FakeBucket.get_permission = get_permission

    def create(backend: Any, name: str, properties: Mapping[str, Any]) -> str:
        backend.put_bucket_policy(properties["Bucket"], json.dumps(properties["PolicyDocument"]).encode())
        return f"arn:aws:s3:::{properties['Bucket']}"

    add_resource(
        "AWS::S3::BucketPolicy",
        s3_backends,
        create,
        lambda backend, _, properties: backend.delete_bucket_policy(properties["Bucket"]),
        name_property=None,
    )


def patch_bucket_rules(hooks: Hooks) -> None:
    """Give a bucket its template's life-cycle rules, which moto drops; ``moto_account.expire_objects`` applies them."""
    from moto.s3.models import FakeBucket

    def put_rules(bucket: Any, cloudformation_json: Mapping[str, Any]) -> Any:
        rows = (cloudformation_json["Properties"].get("LifecycleConfiguration") or {}).get("Rules") or []
        bucket.set_lifecycle(
            [
                {
                    "ID": row.get("Id"),
                    "Status": row["Status"],
                    "Prefix": row.get("Prefix") or "",
                    **({"Expiration": {"Days": row["ExpirationInDays"]}} if "ExpirationInDays" in row else {}),
                    **{name: row[name] for name in ("AbortIncompleteMultipartUpload",) if name in row},
                }
                for row in rows
            ]
        )
        return bucket

    @replaces(FakeBucket)
    def create_from_cloudformation_json(
        original: Any, cls: Any, name: str, cloudformation_json: Any, *args: Any, **kwargs: Any
    ) -> Any:
        return put_rules(original(cls, name, cloudformation_json, *args, **kwargs), cloudformation_json)

    @replaces(FakeBucket)
    def update_from_cloudformation_json(original: Any, cls: Any, *, cloudformation_json: Any, **rest: Any) -> Any:
        return put_rules(original(cls, cloudformation_json=cloudformation_json, **rest), cloudformation_json)


def patch_stack_contents(hooks: Hooks) -> None:
    """Let a stack hold what the local account has no use for (alarms): it is listed, and does nothing.

    moto skips it, warns, and then describes the stack with rows that have
    neither name nor type, also for resources whose condition is false.
    """
    from moto.cloudformation import models, parsing

    models.Stack.stack_resources = property(
        lambda self: [resource for resource in self.resource_map.values() if resource is not None]
    )

    @replaces(parsing)
    def resource_class_from_type(original: Any, resource_type: str) -> Any:
        known = resource_type in parsing.get_model_map() or resource_type in parsing.NULL_MODELS
        if known or resource_type.startswith("Custom::"):
            return original(resource_type)
        LOG.info("the local account holds resources of type %s without effect", resource_type)
        add_resource(
            resource_type,
            _NoBackends(),
            lambda backend, name, properties: f"arn:aws:local:::{name}",
            lambda backend, name, properties: None,
            name_property=None,
        )
        return original(resource_type)


def patch_role_policies(hooks: Hooks) -> None:
    """Keep the inline policies of a template's roles as JSON: moto answers with Python's way to write a dict.

    A statement that a condition takes out (``AWS::NoValue``) leaves no gap in the list.
    """
    from moto.iam.models import Role

    @replaces(Role)
    def put_policy(original: Any, self: Any, policy_name: str, policy_json: Any) -> None:
        if isinstance(policy_json, dict):
            kept = [statement for statement in policy_json["Statement"] if statement is not None]
            policy_json = json.dumps({**policy_json, "Statement": kept})
        original(self, policy_name, policy_json)


class _NoBackends(dict[str, Any]):
    """Stands where a service's memory would be, for resources without one."""

    def __missing__(self, key: str) -> Any:
        return {"aws": None}
