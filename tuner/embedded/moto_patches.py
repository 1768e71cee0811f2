"""Every mend of moto 5.2.5, in one place, so that the rest of the product need not know of any.

``apply`` puts them all on; it runs once, in the server's process, before the
first request. Each mend is a function whose docstring says what moto does
instead of AWS. ``tests/integration/embedded/test_moto_patches.py`` shows for
each that it works, and that moto without it is still wrong: when moto mends
one by itself, that test fails and the mend here can go.
"""

from __future__ import annotations

import base64
import contextlib
import copy
import functools
import io
import json
import logging
import re
import socket
import sys
import threading
import time
import types
import uuid
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from tuner.core.aws_limits import TAG_KEY, TAG_VALUE
from tuner.core.errors import Throttled, TunerError
from tuner.embedded.identity import STEERING_PREFIX
from tuner.embedded.log_filter import matches_filter
from tuner.embedded.schedule_expression import InvalidSchedule, check_schedule

if TYPE_CHECKING:
    from tuner.embedded.access import AccessKey
    from tuner.embedded.functions import Invocation

LOG = logging.getLogger(__name__)

_PAYLOAD_LIMIT_BYTES = 6_291_456
"""Request and response of a synchronous invocation ("Lambda quotas", seen 2026-11)."""


@dataclass(frozen=True)
class Hooks:
    """What moto calls where it would have called Docker, or nobody."""

    invoke: Callable[[Any, bytes, str | None, str | None], Invocation]
    """Run a function version (moto's record, payload, client context, X-Ray's header)."""
    retire: Callable[[str], None]
    """End the execution environments of a function's ARN."""
    store_code: Callable[[bytes], str]
    """Keep a deployment package outside memory."""
    code_url: Callable[[str], str]
    """Give the address from which a package (hexadecimal SHA-256) can be downloaded."""
    memory_cap_mb: int
    """The largest memory size of a function that is not one of ours."""
    is_own_function: Callable[[str], bool]
    access_key: AccessKey
    """What the interpreter of state machines calls the account with."""
    deliver: Callable[[Mapping[str, Any], Mapping[str, Any]], None]
    """Bring an event to an EventBridge target (target, event)."""
    object_written: Callable[[Any], None]
    """An S3 object was put (moto's record)."""
    object_deleted: Callable[[str, str], None]
    """An S3 object was deleted (bucket, key)."""
    deleted: Callable[[str], None] = lambda arn: None
    """A function's ARN, or a version's, is no more."""
    take_snapshot: Callable[[Any], str | None] | None = None
    """Make the init of a published version with SnapStart (moto's record); why it failed, or ``None``.

    Without this hook such a version is active at once.
    """


def apply(hooks: Hooks) -> None:
    """Put on every mend. To be called once in a process."""
    for mend in MENDS:
        mend(hooks)


# --- Start ----------------------------------------------------------------------------------------------------------


def mend_start(hooks: Hooks) -> None:
    """Load CloudFormation without EC2's catalogues and OpenAPI's validator.

    moto reads every instance type, its offerings and machine images, and
    botocore's largest service model for the names of Regions, as soon as its
    CloudFormation is imported: a third of the time and 50 MB at each start
    that nobody asks for.
    """
    import boto3
    from moto.utilities import utils

    original_load = utils.load_resource
    original_regions = boto3.Session.get_available_regions
    empty: dict[str, Any] = {"instance_types.json": {}, "amis.json": []}

    def load_resource(resource: str) -> Any:
        if "instance_type_offerings" in resource:
            return []
        return empty.get(resource.rpartition("/")[2]) if resource.startswith("ec2/") else original_load(resource)

    def get_available_regions(self: Any, service_name: str, *args: Any, **kwargs: Any) -> list[str]:
        if service_name == "ec2":
            return ["us-east-1"]
        regions: list[str] = original_regions(self, service_name, *args, **kwargs)
        return regions

    validator = types.ModuleType("openapi_spec_validator")  # API Gateway's, which no one makes here
    validator.validate = None  # type: ignore[attr-defined]
    exceptions = types.ModuleType("openapi_spec_validator.validation.exceptions")
    exceptions.OpenAPIValidationError = ValueError  # type: ignore[attr-defined]
    stand_ins = (validator, types.ModuleType("openapi_spec_validator.validation"), exceptions)
    utils.load_resource = load_resource
    boto3.Session.get_available_regions = get_available_regions  # type: ignore[method-assign]
    sys.modules.update({module.__name__: module for module in stand_ins})
    try:
        import moto.cloudformation.parsing  # noqa: F401 - the import is the point
    finally:
        utils.load_resource = original_load
        boto3.Session.get_available_regions = original_regions  # type: ignore[method-assign]
        for module in stand_ins:
            del sys.modules[module.__name__]


# --- Lambda ---------------------------------------------------------------------------------------------------------


def mend_function_settings(hooks: Hooks) -> None:
    """Keep what moto drops of a function's configuration, and refuse what AWS refuses.

    moto loses LoggingConfig, SnapStart, FileSystemConfigs, RuntimeConfig and DeadLetterConfig,
    ignores TracingConfig, EphemeralStorage and KMSKeyArn on update, returns no
    RevisionId, and accepts any memory size, any length of name and any tag. It
    creates a function at once; AWS takes seconds, as here with the variable
    ``LAMBDA_TUNER_LOCAL_CREATION_S``.
    """
    from moto.awslambda import models
    from moto.awslambda.exceptions import PreconditionFailedException

    original_init = models.LambdaFunction.__init__
    original_configuration = models.LambdaFunction.get_configuration
    original_update = models.LambdaFunction.update_configuration
    original_set_code = models.LambdaFunction._set_function_code

    def keep_settings(function: Any, spec: Mapping[str, Any]) -> None:
        if "LoggingConfig" in spec:
            function.logging_config = dict(spec["LoggingConfig"] or {})
        function.logs_group_name = function.logging_config.get("LogGroup") or f"/aws/lambda/{function.function_name}"
        if "SnapStart" in spec:
            function.snap_start = (spec["SnapStart"] or {}).get("ApplyOn", "None")
        if "FileSystemConfigs" in spec:
            function.file_system_configs = list(spec["FileSystemConfigs"] or [])
        if "RuntimeConfig" in spec:
            function.runtime_config = dict(spec["RuntimeConfig"] or {})
        if "DeadLetterConfig" in spec:
            function.dead_letter_config = dict(spec["DeadLetterConfig"] or {})

    def __init__(  # noqa: N807 - takes the place of moto's
        self: Any, account_id: str, spec: dict[str, Any], region: str, version: str | int = 1
    ) -> None:
        _check_name(spec["FunctionName"])
        _check_memory(hooks, spec["FunctionName"], spec.get("MemorySize"))
        _check_tags(spec.get("Tags") or {})
        time.sleep(float(spec.get("Environment", {}).get("Variables", {}).get("LAMBDA_TUNER_LOCAL_CREATION_S", 0)))
        original_init(self, account_id, spec, region, version)
        self.logging_config = {}
        self.snap_start = "None"
        self.state_reason = self.state_reason_code = None
        self.file_system_configs = []
        self.runtime_config = {}
        self.dead_letter_config = {}
        self.revision_id = str(uuid.uuid4())
        keep_settings(self, spec)

    def get_configuration(self: Any, on_create: bool = False) -> dict[str, Any]:
        configuration: dict[str, Any] = original_configuration(self, on_create)
        log_format = self.logging_config.get("LogFormat", "Text")
        configuration["LoggingConfig"] = {
            "LogFormat": log_format,
            **({"ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO"} if log_format == "JSON" else {}),
            "LogGroup": self.logs_group_name,
            **{key: value for key, value in self.logging_config.items() if key.endswith("Level")},
        }
        published = str(self.version) != "$LATEST"
        on = self.snap_start == "PublishedVersions" and published and self.state == "Active"
        configuration["SnapStart"] = {"ApplyOn": self.snap_start, "OptimizationStatus": "On" if on else "Off"}
        if self.file_system_configs:
            configuration["FileSystemConfigs"] = self.file_system_configs
        if self.runtime_config:
            configuration["RuntimeConfig"] = self.runtime_config
        if self.dead_letter_config.get("TargetArn"):
            configuration["DeadLetterConfig"] = self.dead_letter_config
        configuration["StateReason"] = self.state_reason
        configuration["StateReasonCode"] = self.state_reason_code
        configuration["RevisionId"] = self.revision_id
        configuration["LastUpdateStatus"] = "Successful"
        return {key: value for key, value in configuration.items() if value is not None}

    def update_configuration(self: Any, updates: dict[str, Any]) -> dict[str, Any]:
        _check_memory(hooks, self.function_name, updates.get("MemorySize"))
        _check_revision(self, updates, PreconditionFailedException)
        if "EphemeralStorage" in updates:
            self.ephemeral_storage = updates["EphemeralStorage"]["Size"]
        if "TracingConfig" in updates:
            self.tracing_config = updates["TracingConfig"]
        if "KMSKeyArn" in updates:
            self.kms_key_arn = updates["KMSKeyArn"] or None
        original_update(self, updates)
        keep_settings(self, updates)
        _touch(hooks, self)
        return get_configuration(self)

    def _set_function_code(self: Any, updated_spec: dict[str, Any]) -> None:
        """Hold the package on disk: moto keeps it in memory, once raw and once as base64, for every clone anew."""
        changes = updated_spec is not self.code and not updated_spec.get("DryRun")
        if changes:
            _check_revision(self, updated_spec, PreconditionFailedException)
        self.code_bytes = b""
        original_set_code(self, updated_spec)
        if self.code_bytes:
            self.code_digest = hooks.store_code(self.code_bytes)
            self.code_bytes = b""
            self.code = {key: value for key, value in self.code.items() if key != "ZipFile"}
        if changes:
            if "Architectures" in updated_spec:
                self.architectures = updated_spec["Architectures"]
            _touch(hooks, self)

    models.LambdaFunction.__init__ = __init__
    models.LambdaFunction.get_configuration = get_configuration
    models.LambdaFunction.update_configuration = update_configuration
    models.LambdaFunction._set_function_code = _set_function_code


def _touch(hooks: Hooks, function: Any) -> None:
    """Note that a function changed: AWS gives it a new revision, and new execution environments."""
    from moto.core.utils import iso_8601_datetime_with_nanoseconds

    function.revision_id = str(uuid.uuid4())
    function.last_modified = iso_8601_datetime_with_nanoseconds()
    function.code_or_config_updated = True
    hooks.retire(function.function_arn)


def _check_name(name: str) -> None:
    from moto.awslambda.exceptions import ValidationException

    if len(name) > 64:
        raise ValidationException(name, "functionName", "Member must have length less than or equal to 64")


def _check_memory(hooks: Hooks, name: str, memory_mb: Any) -> None:
    """Refuse sizes as AWS does: above 10,240 by validation, above an account's own quota by its value."""
    from moto.awslambda.exceptions import InvalidParameterValueException, ValidationException

    if memory_mb is None:
        return
    for wrong, bound in (
        (int(memory_mb) > 10_240, "less than or equal to 10240"),
        (int(memory_mb) < 128, "greater than or equal to 128"),
    ):
        if wrong:
            raise ValidationException(str(memory_mb), "memorySize", f"Member must have value {bound}")
    if int(memory_mb) > hooks.memory_cap_mb and not hooks.is_own_function(name):
        raise InvalidParameterValueException(
            "'MemorySize' value failed to satisfy constraint: "
            f"Member must have value less than or equal to {hooks.memory_cap_mb}"
        )


def _check_tags(tags: Mapping[str, str]) -> None:
    """Refuse what AWS's tagging rules do not take, with the sentence of cloud-custodian/cloud-custodian#2520."""
    from moto.awslambda.exceptions import ValidationException

    for wrong, kind in (
        (any(not TAG_KEY.fullmatch(key) for key in tags), "key"),
        (any(not TAG_VALUE.fullmatch(value) for value in tags.values()), "value"),
    ):
        if wrong:
            shown = ", ".join(f"{key}={value}" for key, value in tags.items())
            rule = r"Member must satisfy regular expression pattern: ^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$"
            raise ValidationException(f"{{{shown}}}", "tags", f"Map {kind} must satisfy constraint: [{rule}]")


def _check_revision(function: Any, spec: Mapping[str, Any], error: Callable[[str], Exception]) -> None:
    wanted = spec.get("RevisionId")
    if wanted and wanted != function.revision_id:
        raise error(
            "The RevisionId provided does not match the latest RevisionId. Call the GetFunction/GetAlias API "
            "to retrieve the latest Revision Id"
        )


def mend_function_code_location(hooks: Hooks) -> None:
    """Give ``Code.Location`` an address that can be downloaded, and name a reserved concurrency of 0.

    moto's address is one in AWS's own bucket; a reserved concurrency of zero
    is left out as if there were none.
    """
    from moto.awslambda import models

    original = models.LambdaFunction.get_code

    def get_code(self: Any) -> dict[str, Any]:
        response: dict[str, Any] = original(self)
        if self.package_type == "Zip":
            response["Code"] = {"RepositoryType": "S3", "Location": hooks.code_url(self.code_digest)}
        if self.reserved_concurrency is not None:
            response["Concurrency"] = {"ReservedConcurrentExecutions": int(self.reserved_concurrency)}
        return response

    models.LambdaFunction.get_code = get_code


def mend_function_code(hooks: Hooks) -> None:
    """Refuse code as Lambda does, name its place where Lambda only points to it, and take an image by its digest.

    moto makes a function of an object that is not there, of bytes that are no
    archive and of another account's image, forgets S3ObjectStorageMode, and
    gives an image that is named by its digest another one.
    """
    from moto.awslambda import models
    from moto.s3.models import s3_backends

    original_object = models._validate_s3_bucket_and_key
    original_set = models.LambdaFunction._set_function_code
    original_get = models.LambdaFunction.get_code

    def object_of(account_id: str, partition: str, data: dict[str, Any]) -> Any:
        key = original_object(account_id, partition, data)
        if key is not None and data.get("S3ObjectVersion"):
            backend = s3_backends[account_id][partition]
            key = backend.get_object(data["S3Bucket"], data["S3Key"], version_id=data["S3ObjectVersion"])
        if key is None:
            version = bool(data.get("S3ObjectVersion"))
            code, what = ("NoSuchVersion", "version") if version else ("NoSuchKey", "key")
            raise _bad_code(
                f"Error occurred while GetObject. S3 Error Code: {code}. S3 Error Message: "
                f"The specified {what} does not exist."
            )
        return key

    def unzipped(read: Callable[[Any], tuple[Any, ...]]) -> Callable[[Any], tuple[Any, ...]]:
        def checked(source: Any) -> tuple[Any, ...]:
            content = read(source)
            if not zipfile.is_zipfile(io.BytesIO(content[0])):
                raise _bad_code("Could not unzip uploaded file. Please check your file, then try to upload again.")
            return content

        return checked

    def _set_function_code(self: Any, updated_spec: dict[str, Any]) -> None:
        if updated_spec.get("S3Key"):
            key = object_of(self.account_id, self.partition, updated_spec)
            by_reference = updated_spec.get("S3ObjectStorageMode") == "REFERENCE"
            place = {name: updated_spec[name] for name in ("S3Bucket", "S3Key")}
            self.resolved_s3_object = {**place, "S3ObjectVersion": key.version_id} if by_reference else None
        elif updated_spec.get("ZipFile"):
            self.resolved_s3_object = None
        uri = str(updated_spec.get("ImageUri") or "")
        if uri and not uri.startswith(f"{self.account_id}."):
            message = "Lambda does not have permission to access the ECR image. Check the ECR permissions."
            raise _lambda_error("AccessDeniedException", message, 403)
        original_set(self, updated_spec)
        if "@sha256:" in uri:
            self.code_sha_256 = uri.rpartition("@sha256:")[2]

    def get_code(self: Any) -> dict[str, Any]:
        response: dict[str, Any] = original_get(self)
        if self.package_type == "Image":
            repository = re.sub(r"(:[^/:@]+)?(@sha256:.*)?$", "", self.code["ImageUri"])
            response["Code"]["ResolvedImageUri"] = f"{repository}@sha256:{self.code_sha_256}"
        elif self.resolved_s3_object:
            response["Code"] = {"RepositoryType": "S3", "ResolvedS3Object": self.resolved_s3_object}
        return response

    models._validate_s3_bucket_and_key = object_of
    models._zipfile_content = unzipped(models._zipfile_content)
    models._s3_content = unzipped(models._s3_content)
    models.LambdaFunction._set_function_code = _set_function_code
    models.LambdaFunction.get_code = get_code


def _bad_code(message: str) -> Exception:
    return _lambda_error("InvalidParameterValueException", message, 400)


def mend_function_from_cloudformation(hooks: Hooks) -> None:
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
        cls: type[Any],
        /,
        resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
        **kwargs: Any,
    ) -> Any:
        properties = cloudformation_json["Properties"]
        spec = {**specification(properties), "FunctionName": resource_name}
        spec["Tags"] = {tag["Key"]: tag["Value"] for tag in properties.get("Tags", [])}
        return get_backend(account_id, region_name).create_function(spec)

    def update(
        cls: type[Any],
        /,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> Any:
        spec = specification(cloudformation_json["Properties"])
        original_resource.update_function_code(spec.pop("Code"))
        original_resource.update_configuration(spec)
        return original_resource

    models.LambdaFunction.create_from_cloudformation_json = classmethod(create)
    models.LambdaFunction.update_from_cloudformation_json = classmethod(update)


def mend_function_versions(hooks: Hooks) -> None:
    """Never give a version's number twice, end the environments of what is deleted, and take SnapStart's snapshots.

    moto numbers a version by how many there are, so that after a deletion two
    versions carry the same number; and a version with SnapStart is active at
    once, whatever its init does.
    """
    from moto.awslambda import models

    original_delete = models.LambdaStorage.del_function

    def publish_version(self: Any, name_or_arn: str, description: str = "") -> Any:
        function = self.get_function_by_name_or_arn_forbid_qualifier(name_or_arn)
        group = self._functions[function.function_name]
        if group["versions"] and not function.code_or_config_updated:
            return group["versions"][-1]
        group["last_number"] = group.get("last_number", 0) + 1
        version = copy.copy(function)
        version.set_version(group["last_number"])
        version.revision_id = str(uuid.uuid4())
        if description:
            version.description = description
        function.code_or_config_updated = False
        group["versions"].append(version)
        self._arns[version.function_arn] = version
        if version.snap_start == "PublishedVersions" and hooks.take_snapshot is not None:
            version.state, version.state_reason_code = "Pending", "Creating"
            threading.Thread(target=snapshot, args=(version, hooks.take_snapshot), name="snapshot", daemon=True).start()
        return version

    def snapshot(version: Any, take: Callable[[Any], str | None]) -> None:
        try:
            reason = take(version)
        except Exception as error:  # noqa: BLE001 - whatever it is, the version is not to stay pending
            reason = str(error)
        version.state_reason_code = None if reason is None else "FunctionError"
        version.state_reason = None if reason is None else f"Function initialization error: {reason}"
        version.state = "Active" if reason is None else "Failed"

    def del_function(self: Any, name_or_arn: str, qualifier: str | None = None) -> None:
        function = self.get_function_by_name_or_arn_with_qualifier(name_or_arn, qualifier)
        if any(version.state == "Pending" for version in self._functions[function.function_name]["versions"]):
            raise _not_in_state(function, "Pending")
        original_delete(self, name_or_arn, qualifier)
        hooks.retire(function.function_arn)
        hooks.deleted(function.function_arn)

    models.LambdaStorage.publish_version = publish_version
    models.LambdaStorage.del_function = del_function


def mend_function_lookup(hooks: Hooks) -> None:
    """Refuse ARNs of another Region, another account or another kind of resource.

    moto looks at the name alone: the ARN of a function elsewhere finds the
    function of that name here.
    """
    from moto.awslambda import models
    from moto.awslambda.exceptions import ValidationException

    original = models.LambdaStorage.get_function_by_name_or_arn_with_qualifier
    pattern = (
        r"(arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}(-gov)?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?"
        r"([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?"
    )

    def get_function(self: Any, name_or_arn: str, qualifier: str | None = None) -> Any:
        partial = re.fullmatch(r"(?:(\d{12}):)?function:(.+)", name_or_arn)
        if partial:
            account = partial[1] or self.account_id
            name_or_arn = f"arn:{self.partition}:lambda:{self.region_name}:{account}:function:{partial[2]}"
        if not re.fullmatch(pattern, name_or_arn):
            raise ValidationException(
                name_or_arn, "functionName", f"Member must satisfy regular expression pattern: {pattern}"
            )
        parts = name_or_arn.split(":")
        if parts[0] == "arn":
            region, account = parts[3], parts[4]
            if account != self.account_id:
                message = (
                    f"User: arn:aws:iam::{self.account_id}:root is not authorized to perform: lambda:GetFunction "
                    f"on resource: {name_or_arn} because no resource-based policy allows the lambda:GetFunction action"
                )
                raise _lambda_error("AccessDeniedException", message, 403)
            if region != self.region_name:
                message = f"Functions from '{region}' are not reachable in this region ('{self.region_name}')"
                raise _lambda_error("ResourceNotFoundException", message, 404)
        return original(self, name_or_arn, qualifier)

    models.LambdaStorage.get_function_by_name_or_arn_with_qualifier = get_function


def mend_invoke(hooks: Hooks) -> None:
    """Run functions as real processes and answer as AWS does.

    moto starts Docker, reads the qualifier under a name that nobody sends,
    calls every error ``Handled``, names no executed version, invents a request
    id that is not the log's, throttles nothing, and knows no trace.

    A function's variables can ask for what AWS does when it is not well:
    ``LAMBDA_TUNER_LOCAL_NOT_READY=<error>,…`` refuses its first invocations
    with these errors, ``LAMBDA_TUNER_LOCAL_IDLE_S=<seconds>`` cuts connections
    that wait longer than that for their answer, as NAT gateways do after 350 s.
    """
    from moto.awslambda import models, responses
    from moto.core import responses as core_responses

    original_request_id = core_responses.gen_amzn_requestid_long

    def keep_request_id(headers: dict[str, Any] | None = None) -> str:
        named = (headers or {}).get("x-amzn-requestid")
        return str(named) if named else str(original_request_id(headers))

    core_responses.gen_amzn_requestid_long = keep_request_id

    def invoke(self: Any) -> tuple[int, dict[str, str], bytes]:
        name = unquote(self.path.rstrip("/").rsplit("/", 2)[-2])
        qualifier = self.querystring.get("Qualifier", [None])[0]
        function = self.backend.get_function(name, qualifier)
        body = self.body.encode() if isinstance(self.body, str) else bytes(self.body or b"")
        kind = self.headers.get("X-Amz-Invocation-Type") or "RequestResponse"
        if kind == "DryRun":
            return 204, {"status": "204"}, b""
        if function.state in ("Pending", "Failed"):
            raise _not_in_state(function, function.state)
        _check_invocation(function, body)
        _check_readiness(function)
        context = self.headers.get("X-Amz-Client-Context")
        trace_id = self.headers.get("X-Amzn-Trace-Id") or _own_trace(function)
        if kind == "Event":
            rest = (hooks, function, body, context, trace_id)
            threading.Thread(target=_invoke_unattended, args=rest, daemon=True).start()
            return 202, {"status": "202", "x-amzn-requestid": str(uuid.uuid4())}, b""
        with _one_of_reserved_concurrency(function), _idle_limit(function):
            try:
                result = hooks.invoke(function, body or b"{}", context, trace_id)
            except Throttled as error:
                raise _lambda_error("TooManyRequestsException", str(error), 429) from error
            except TunerError as error:
                LOG.warning("%s could not be invoked: %s", function.function_arn, error)
                raise _lambda_error("ServiceException", str(error), 500) from error
        headers = {
            "content-type": "application/json",
            "X-Amz-Executed-Version": str(function.version),
            "x-amzn-requestid": result.request_id,
        }
        payload, function_error = result.payload, result.function_error
        if len(payload) > _PAYLOAD_LIMIT_BYTES:
            function_error = "Unhandled"
            payload = json.dumps(
                {
                    "errorMessage": f"Response payload size ({len(payload)} bytes) exceeded maximum allowed payload "
                    f"size ({_PAYLOAD_LIMIT_BYTES} bytes).",
                    "errorType": "Function.ResponseSizeTooLarge",
                }
            ).encode()
        if function_error:
            headers["X-Amz-Function-Error"] = function_error
        if self.headers.get("X-Amz-Log-Type") == "Tail":
            headers["X-Amz-Log-Result"] = base64.b64encode(result.log_tail.encode()).decode()
        return 200, headers, payload

    def invoke_record(self: Any, body: Any, request_headers: Any, response_headers: Any) -> bytes:
        """Serve moto's own callers (SQS, SNS, subscriptions), which invoke the record directly."""
        payload = body.encode() if isinstance(body, str) else bytes(body or b"{}")
        result = _invoke_when_possible(hooks, self, payload, None, _own_trace(self))
        if result.function_error:
            response_headers["x-amz-function-error"] = result.function_error
        return result.payload

    responses.LambdaResponse.invoke = invoke
    models.LambdaFunction.invoke = invoke_record


def _lambda_error(code: str, message: str, status: int) -> Exception:
    """Make an error of the Lambda API."""
    from moto.awslambda.exceptions import LambdaClientError

    error: Exception = LambdaClientError(code, message)
    error.code = status  # type: ignore[attr-defined] # which moto reads
    return error


def _not_in_state(function: Any, state: str) -> Exception:
    message = (
        f"The operation cannot be performed at this time. The function is currently in the following state: {state}"
    )
    return _lambda_error("ResourceConflictException", message, 409)


def _check_invocation(function: Any, body: bytes) -> None:
    """Refuse what Lambda refuses before it runs anything, and what cannot run here."""
    if len(body) > _PAYLOAD_LIMIT_BYTES:
        message = f"Request must be smaller than {_PAYLOAD_LIMIT_BYTES} bytes for the InvokeFunction operation"
        raise _lambda_error("RequestTooLargeException", message, 413)
    try:
        json.loads(body or b"{}")
    except ValueError as error:
        message = f"Could not parse request body into json: {error}"
        raise _lambda_error("InvalidRequestContentException", message, 400) from error
    if function.package_type != "Zip" or not str(function.run_time).startswith("python"):
        kind = "a container image" if function.package_type != "Zip" else f"of the runtime {function.run_time}"
        message = f"The embedded AWS runs Python functions from zip packages; {function.function_name} is {kind}."
        raise _lambda_error("InvalidRuntimeException", message, 502)


_REFUSED: dict[str, int] = {}
"""How many invocations were refused as not ready, by the function's ARN."""
_IN_FLIGHT: dict[str, int] = {}
_COUNTING = threading.Lock()


@contextlib.contextmanager
def _one_of_reserved_concurrency(function: Any) -> Iterator[None]:
    """Count an invocation in; throttle it where the function's reserved concurrency is used up."""
    name = function.function_name
    with _COUNTING:
        reserved = function.reserved_concurrency
        if reserved is not None and _IN_FLIGHT.get(name, 0) >= int(reserved):
            raise _lambda_error("TooManyRequestsException", "Rate Exceeded.", 429)
        _IN_FLIGHT[name] = _IN_FLIGHT.get(name, 0) + 1
    try:
        yield
    finally:
        with _COUNTING:
            _IN_FLIGHT[name] -= 1
            if not _IN_FLIGHT[name]:
                del _IN_FLIGHT[name]


def _check_readiness(function: Any) -> None:
    """Refuse a function's first invocations in the way that one of its variables asks for."""
    from botocore.session import get_session

    codes = str((function.environment_vars or {}).get(f"{STEERING_PREFIX}NOT_READY") or "").split(",")
    with _COUNTING:
        position = _REFUSED.get(function.function_arn, 0)
        if position >= len(codes) or not codes[position]:
            return
        _REFUSED[function.function_arn] = position + 1
    shape = get_session().get_service_model("lambda").shape_for(codes[position])
    raise _lambda_error(
        codes[position], "Not ready, as the function's variable asks for.", shape.metadata["error"]["httpStatusCode"]
    )


def _own_trace(function: Any) -> str | None:
    """What Lambda decides without a header: it samples where tracing is active, and nothing where it passes through.

    Active tracing samples "based on a fixed rate" (AWS CDK reference, "enum
    Tracing", seen 2026-11-28); here each one, so that nothing depends on chance.
    """
    if function.tracing_config.get("Mode") != "Active":
        return None
    return f"Root=1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]};Parent={uuid.uuid4().hex[:16]};Sampled=1"


@contextlib.contextmanager
def _idle_limit(function: Any) -> Iterator[None]:
    """Cut the connection of a call that waits longer than one of the function's variables allows; it runs on."""
    from flask import request

    limit_s = (function.environment_vars or {}).get(f"{STEERING_PREFIX}IDLE_S")
    connection = request.environ.get("werkzeug.socket")
    if limit_s is None or connection is None:
        yield
        return
    timer = threading.Timer(float(limit_s), connection.shutdown, (socket.SHUT_RDWR,))
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _invoke_unattended(hooks: Hooks, function: Any, body: bytes, context: str | None, trace_id: str | None) -> None:
    try:
        _invoke_when_possible(hooks, function, body or b"{}", context, trace_id)
    except Exception:
        LOG.exception("asynchronous invocation of %s failed", function.function_arn)


def _invoke_when_possible(
    hooks: Hooks, function: Any, payload: bytes, context: str | None, trace_id: str | None
) -> Invocation:
    """Invoke for a caller who does not wait for the answer: throttled, Lambda's own queue asks again."""
    while True:
        with contextlib.suppress(Throttled):
            return hooks.invoke(function, payload, context, trace_id)


def mend_function_policy(hooks: Hooks) -> None:
    """Show a policy only to the qualifier it was given to: moto shows an alias's statements without one too."""
    from moto.awslambda import models

    def get_policy(self: Any, function_name: str, qualifier: str | None = None) -> str:
        function = self.get_function(function_name, None)
        if qualifier:
            self.get_function(function_name, qualifier)
        latest = self.get_function(function.function_name, None)
        suffix = qualifier or (str(function.version) if str(function.version) != "$LATEST" else None)
        arn = latest.function_arn + (f":{suffix}" if suffix else "")
        statements = [statement for statement in latest.policy.statements if statement.get("Resource") == arn]
        if not statements:
            raise _lambda_error("ResourceNotFoundException", "The resource you requested does not exist.", 404)
        document = {"Version": "2012-10-17", "Id": "default", "Statement": statements}
        return json.dumps({"Policy": json.dumps(document), "RevisionId": latest.policy.revision})

    original_add = models.Policy.add_statement

    def add_statement(self: Any, raw: str, qualifier: str | None = None) -> Any:
        statement, revision = original_add(self, raw, qualifier)
        statement["Resource"] = statement["Resource"].replace("::", ":").rstrip(":")
        return statement, revision

    models.Policy.add_statement = add_statement
    models.LambdaBackend.get_policy = get_policy


def mend_function_listing(hooks: Hooks) -> None:
    """Page ``ListFunctions`` by 50 as AWS does: moto answers with all at once, so paging would go untested."""
    from moto.awslambda import responses

    def list_functions(self: Any) -> str:
        version = self.querystring.get("FunctionVersion", [None])[0]
        start = int(self.querystring.get("Marker", ["0"])[0] or 0)
        size = min(50, int(self.querystring.get("MaxItems", ["50"])[0]))
        functions = list(self.backend.list_functions(version))
        page = [function.get_configuration() for function in functions[start : start + size]]
        more = {"NextMarker": str(start + size)} if len(functions) > start + size else {}
        return json.dumps({"Functions": page, **more})

    responses.LambdaResponse.list_functions = list_functions


_ACCOUNT_CONCURRENCY = 1000
_LEAST_UNRESERVED = 100


def mend_reserved_concurrency(hooks: Hooks) -> None:
    """Refuse a reserve that leaves others too little: moto has no limit without a variable of the process."""
    from moto.awslambda import models

    original = models.LambdaBackend.put_function_concurrency

    def put_function_concurrency(self: Any, function_name: str, reserved_concurrency: Any) -> Any:
        target = self.get_function(function_name)
        others = sum(
            int(function.reserved_concurrency or 0)
            for function in self.list_functions()
            if function.function_name != target.function_name
        )
        if _ACCOUNT_CONCURRENCY - others - int(reserved_concurrency) < _LEAST_UNRESERVED:
            message = (
                "Specified ReservedConcurrentExecutions for function decreases account's "
                f"UnreservedConcurrentExecution below its minimum value of [{_LEAST_UNRESERVED}]."
            )
            raise _lambda_error("InvalidParameterValueException", message, 400)
        return original(self, function_name, reserved_concurrency)

    models.LambdaBackend.put_function_concurrency = put_function_concurrency


def mend_layer_lookup(hooks: Hooks) -> None:
    """Answer ``GetLayerVersionByArn``, which moto does not have, with an address from which the layer can be had.

    Without it no function with a layer could be planned.
    """
    from moto.awslambda import exceptions, responses

    def get_layer_version_by_arn(self: Any) -> str:
        arn = self.querystring.get("Arn", [""])[0]
        layer = self.backend.layers_versions_by_arn(arn)
        if layer is None:
            raise exceptions.UnknownLayerVersionException(arn)
        found = layer.get_layer_version()
        found["Content"]["Location"] = hooks.code_url(hooks.store_code(layer.code_bytes))
        return json.dumps(found)

    responses.LambdaResponse.get_layer_version_by_arn = get_layer_version_by_arn


def mend_function_questions(hooks: Hooks) -> None:
    """Answer the questions about a function that moto answers with 404 of its own."""
    from moto.awslambda import responses, urls

    def get_account_settings(self: Any) -> str:
        functions = list(self.backend.list_functions(None))
        reserved = sum(int(function.reserved_concurrency or 0) for function in functions)
        return json.dumps(
            {
                "AccountLimit": {
                    "TotalCodeSize": 80530636800,
                    "CodeSizeUnzipped": 262144000,
                    "CodeSizeZipped": 52428800,
                    "ConcurrentExecutions": _ACCOUNT_CONCURRENCY,
                    "UnreservedConcurrentExecutions": _ACCOUNT_CONCURRENCY - reserved,
                },
                "AccountUsage": {
                    "TotalCodeSize": sum(function.code_size for function in functions),
                    "FunctionCount": len(functions),
                },
            }
        )

    def about(answer: Callable[[Any], dict[str, Any]]) -> Callable[[Any], str]:
        def respond(self: Any) -> str:
            name = unquote(self.path.split("/functions/")[1].split("/")[0])
            return json.dumps(answer(self.backend.get_function(name, self.querystring.get("Qualifier", [None])[0])))

        return respond

    def get_function_concurrency(function: Any) -> dict[str, Any]:
        reserved = function.reserved_concurrency
        return {} if reserved is None else {"ReservedConcurrentExecutions": int(reserved)}

    answers: dict[str, tuple[str, Callable[[Any], dict[str, Any]]]] = {
        "list_provisioned_concurrency_configs": (
            "provisioned-concurrency",
            lambda _: {"ProvisionedConcurrencyConfigs": []},
        ),
        "list_function_url_configs": (
            "urls",
            lambda function: {"FunctionUrlConfigs": [function.url_config.to_dict()] if function.url_config else []},
        ),
        "get_runtime_management_config": (
            "runtime-management-config",
            lambda function: {"UpdateRuntimeOn": "Auto", "FunctionArn": function.function_arn},
        ),
        "get_function_recursion_config": ("recursion-config", lambda _: {"RecursiveLoop": "Terminate"}),
    }
    response = responses.LambdaResponse
    response.get_account_settings = get_account_settings
    response.get_function_concurrency = about(get_function_concurrency)
    urls.url_paths["{0}/(?P<api_version>[^/]+)/account-settings/?$"] = response.dispatch
    for method, (path, answer) in answers.items():
        setattr(response, method, about(answer))
        urls.url_paths["{0}/(?P<api_version>[^/]+)/functions/(?P<function_name>[^/]+)/" + path + "/?$"] = (
            response.dispatch
        )


# --- Step Functions -------------------------------------------------------------------------------------------------


def mend_state_machines_from_cloudformation(hooks: Hooks) -> None:
    """Put a template's state machines where executions run, with their substitutions and their ARN.

    moto creates them in the back end that executes nothing, reads neither
    ``Definition`` nor ``DefinitionSubstitutions``, and knows no attribute ``Arn``.
    """
    from moto.stepfunctions import models, urls
    from moto.stepfunctions.parser.models import StepFunctionsParserBackend, stepfunctions_parser_backends
    from moto.stepfunctions.utils import cfn_to_api_tags

    models.stepfunctions_backends = stepfunctions_parser_backends
    StepFunctionsParserBackend._url_module = urls  # moto would look for one beside the class, where there is none
    original_update = models.StateMachine.update_from_cloudformation_json.__func__
    original_has = models.StateMachine.has_cfn_attr.__func__
    original_get = models.StateMachine.get_cfn_attribute

    def definition_of(properties: Mapping[str, Any]) -> str:
        definition = properties.get("DefinitionString") or properties.get("Definition") or "{}"
        text = definition if isinstance(definition, str) else json.dumps(definition)
        for name, value in (properties.get("DefinitionSubstitutions") or {}).items():
            text = text.replace("${" + name + "}", json.dumps(str(value))[1:-1])
        return text

    def create(
        cls: type[Any],
        /,
        resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
        **kwargs: Any,
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

    def update(
        cls: Any, original_resource: Any, new_resource_name: str, cloudformation_json: Any, *rest: Any, **kwargs: Any
    ) -> Any:
        properties = cloudformation_json["Properties"]
        properties["DefinitionString"] = definition_of(properties)
        return original_update(cls, original_resource, new_resource_name, cloudformation_json, *rest, **kwargs)

    def has_cfn_attr(cls: Any, attribute: str) -> bool:
        return attribute in ("Arn", "StateMachineRevisionId") or bool(original_has(cls, attribute))

    def get_cfn_attribute(self: Any, attribute: str) -> Any:
        if attribute in ("Arn", "StateMachineRevisionId"):
            return self.arn if attribute == "Arn" else "INITIAL"
        return original_get(self, attribute)

    models.StateMachine.create_from_cloudformation_json = classmethod(create)
    models.StateMachine.update_from_cloudformation_json = classmethod(update)
    models.StateMachine.has_cfn_attr = classmethod(has_cfn_attr)
    models.StateMachine.get_cfn_attribute = get_cfn_attribute


def mend_start_execution(hooks: Hooks) -> None:
    """Name executions that come without a name, check names and inputs that come, and start one at a time.

    moto calls each nameless execution ``None``, so that the second one
    collides with the first, and ends an execution whose input is nested some
    hundred levels deep with Python's own RecursionError.
    """
    from moto.stepfunctions.exceptions import InvalidExecutionInput
    from moto.stepfunctions.parser.models import StepFunctionsParserBackend

    original = StepFunctionsParserBackend.start_execution
    starting = threading.Lock()
    sys.setrecursionlimit(max(sys.getrecursionlimit(), _RECURSION_LIMIT))

    def start_execution(
        self: Any,
        state_machine_arn: str,
        name: str | None = None,
        execution_input: str | None = None,
        trace_header: Any = None,
    ) -> Any:
        name = name or str(uuid.uuid4())
        self._validate_name(name)
        if _levels(execution_input or "") > _DEEPEST_INPUT:
            raise InvalidExecutionInput(
                f"Invalid State Machine Execution Input: it is nested deeper than {_DEEPEST_INPUT} levels"
            )
        with starting:
            return original(self, state_machine_arn, name, execution_input or "{}", trace_header)

    StepFunctionsParserBackend.start_execution = start_execution


_DEEPEST_INPUT = 1000
"""Of JSON in each other; where AWS ends is not documented."""

_RECURSION_LIMIT = 12 * _DEEPEST_INPUT
"""moto copies an input in some frames a level."""


def _levels(text: str) -> int:
    """Count how deep brackets lie in each other in a JSON text."""
    deepest = depth = 0
    for bracket in re.findall(r"[\[{\]}]", re.sub(r'"(?:[^"\\]|\\.)*"', "", text)):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def mend_execution_times(hooks: Hooks) -> None:
    """Write the context object's ``StartTime`` as AWS does: ``2026-01-31T08:00:00.123Z``, a string."""
    from moto.stepfunctions.parser.backend.execution import Execution

    original = Execution.get_start_execution_details

    def get_start_execution_details(self: Any) -> Any:
        details = original(self)
        details.start_time = _iso(self.start_date)
        return details

    Execution.get_start_execution_details = get_start_execution_details


def mend_execution_end(hooks: Hooks) -> None:
    """End executions as AWS does, and tell EventBridge of each change of their status.

    In moto a stop takes effect only when the running task is done, forgets its
    error and cause, and nobody hears of any end. An interpreter that breaks
    leaves its execution running for ever.
    """
    from moto.stepfunctions import models, responses
    from moto.stepfunctions.parser.api import ExecutionStatus
    from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication, Execution
    from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker

    original_start = Execution.start
    original_reflect = BaseExecutionWorkerCommunication._reflect_execution_status
    original_logic = ExecutionWorker._execution_logic

    def announce(execution: Any) -> None:
        emit_event(_status_event(execution))

    def start(self: Any) -> None:
        self.lambda_tuner_ending = threading.Lock()
        self.lambda_tuner_ended = False
        original_start(self)
        if not self.lambda_tuner_ended:
            announce(self)

    def end_once(execution: Any, conclude: Callable[[], None]) -> None:
        with execution.lambda_tuner_ending:
            if execution.lambda_tuner_ended:
                return
            conclude()
            execution.lambda_tuner_ended = True
        announce(execution)

    def terminated(self: Any) -> None:
        end_once(self.execution, lambda: original_reflect(self))

    def stop(self: Any, stop_date: datetime, error: str | None, cause: str | None) -> None:
        def conclude() -> None:
            self.exec_status, self.stop_date = ExecutionStatus.ABORTED, datetime.now(tz=UTC)
            self.error, self.cause = error or None, cause or None

        end_once(self, conclude)
        interrupt = threading.Thread(target=_interrupt, args=(self.exec_worker, stop_date, error, cause), daemon=True)
        interrupt.start()
        interrupt.join(0.2)

    def _execution_logic(self: Any) -> None:
        execution = self._execution_communication.execution
        try:
            original_logic(self)
        except Exception as error:  # noqa: BLE001 - whatever broke, the execution must end
            cause = str(error)

            def conclude() -> None:
                execution.exec_status, execution.stop_date = ExecutionStatus.FAILED, datetime.now(tz=UTC)
                execution.error, execution.cause = "States.Runtime", cause

            LOG.warning("the interpreter of %s broke: %s", execution.exec_arn, error)
            end_once(execution, conclude)

    def stop_execution_of(self: Any, execution_arn: str, error: str = "", cause: str = "") -> Any:
        execution = next((one for one in self.executions if one.execution_arn == execution_arn), None)
        if execution is None:
            raise models.ExecutionDoesNotExist(f"Execution Does Not Exist: '{execution_arn}'")
        execution.stop(stop_date=datetime.now(tz=UTC), error=error, cause=cause)
        return execution

    def stop_execution(self: Any) -> Any:
        arn = self._get_param("executionArn")
        backend = self.stepfunction_backend
        backend._validate_execution_arn(arn)
        machine = backend._get_state_machine_for_execution(arn)
        execution = machine.stop_execution(arn, self._get_param("error") or "", self._get_param("cause") or "")
        return responses.ActionResult({"stopDate": execution.stop_date})

    Execution.start = start
    Execution.stop = stop
    BaseExecutionWorkerCommunication.terminated = terminated
    ExecutionWorker._execution_logic = _execution_logic
    models.StateMachine.stop_execution = stop_execution_of
    responses.StepFunctionResponse.stop_execution = stop_execution


def _interrupt(worker: Any, stop_date: datetime, error: str | None, cause: str | None) -> None:
    """Tell the interpreter to stop, as soon as it can be told: while it still reads its definition it forgets it."""
    deadline = time.monotonic() + 10.0
    while time.monotonic() < deadline:
        if worker.env is not None and worker.env.program_state() is not None:
            worker.stop(stop_date=stop_date, cause=cause, error=error)
            return
        time.sleep(0.01)


def _status_event(execution: Any) -> dict[str, Any]:
    """Word a status change ("Step Functions Execution Status Change", EventBridge reference, seen 2026-11)."""
    from moto.stepfunctions.parser.asl.utils.encoding import to_json_str

    ended = execution.stop_date is not None
    succeeded = execution.status == "SUCCEEDED"
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Step Functions Execution Status Change",
        "source": "aws.states",
        "account": execution.account_id,
        "time": _iso(execution.stop_date or execution.start_date, milliseconds=False),
        "region": execution.region_name,
        "resources": [execution.exec_arn],
        "detail": {
            "executionArn": execution.exec_arn,
            "stateMachineArn": execution.state_machine.arn,
            "stateMachineVersionArn": None,
            "stateMachineAliasArn": None,
            "name": execution.name,
            "status": execution.status,
            "startDate": _milliseconds(execution.start_date),
            "stopDate": _milliseconds(execution.stop_date) if ended else None,
            "input": execution.execution_input,
            "output": to_json_str(execution.output, separators=(",", ":")) if succeeded else None,
            "inputDetails": {"included": True},
            "outputDetails": {"included": True} if succeeded else None,
            "error": execution.error,
            "cause": execution.cause,
            "redriveCount": 0,
            "redriveDate": None,
            "redriveStatus": "NOT_REDRIVABLE",
            "redriveStatusReason": None,
        },
    }


def mend_execution_answers(hooks: Hooks) -> None:
    """Describe executions whose output holds a date, name every stop date, and page the history.

    moto answers 500 where an output holds a date, gives no stop date to one
    that timed out, and ignores the order and size asked of the history.
    """
    from moto.stepfunctions import responses
    from moto.stepfunctions.parser.asl.utils.encoding import to_json_str

    original_list = responses.StepFunctionResponse.list_executions

    def describe_execution(self: Any) -> Any:
        execution = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
        answer = {
            "executionArn": execution.execution_arn,
            "stateMachineArn": execution.state_machine_arn,
            "name": execution.name,
            "status": execution.status,
            "startDate": execution.start_date,
            "stopDate": execution.stop_date,
            "input": execution.execution_input,
            "inputDetails": {"included": True},
            "error": execution.error,
            "cause": execution.cause,
            "redriveCount": 0,
            "redriveStatus": "NOT_REDRIVABLE",
        }
        if execution.status == "SUCCEEDED":
            answer["output"] = to_json_str(execution.output, separators=(",", ":"))
            answer["outputDetails"] = {"included": True}
        return responses.ActionResult({key: value for key, value in answer.items() if value is not None})

    def list_executions(self: Any) -> Any:
        result = original_list(self)
        machine = self.stepfunction_backend.describe_state_machine(self._get_param("stateMachineArn"))
        ends = {execution.execution_arn: execution.stop_date for execution in machine.executions}
        for row in result.result["executions"]:
            if ends.get(row["executionArn"]):
                row["stopDate"] = ends[row["executionArn"]]
        return result

    def get_execution_history(self: Any) -> Any:
        history = self.stepfunction_backend.get_execution_history(self._get_param("executionArn"))
        events = list(history["events"])
        if self._get_param("reverseOrder"):
            events.reverse()
        start = int(self._get_param("nextToken") or 0)
        size = int(self._get_param("maxResults") or 100)
        answer: dict[str, Any] = {"events": events[start : start + size]}
        if len(events) > start + size:
            answer["nextToken"] = str(start + size)
        return responses.ActionResult(answer)

    responses.StepFunctionResponse.describe_execution = describe_execution
    responses.StepFunctionResponse.list_executions = list_executions
    responses.StepFunctionResponse.get_execution_history = get_execution_history


def mend_nested_executions(hooks: Hooks) -> None:
    """Start executions from a state, wait for them, and stop them with their parent.

    moto passes the parameters' names as they stand in the definition, which
    boto refuses; dates in the answer break the parent's output; a stopped
    parent leaves its child running.
    """
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service import (
        StateTaskService,
    )
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_sfn import (
        StateTaskServiceSfn,
    )
    from moto.stepfunctions.parser.asl.eval.program_state import ProgramEnded
    from moto.stepfunctions.parser.asl.utils import boto_client

    original_parameters = StateTaskServiceSfn._normalise_parameters
    original_sync = StateTaskServiceSfn._build_sync_resolver
    original_sync2 = StateTaskServiceSfn._build_sync2_resolver
    original_wait = StateTaskServiceSfn._eval_sync

    def _normalise_parameters(self: Any, parameters: dict[str, Any], *rest: Any, **kwargs: Any) -> None:
        original_parameters(self, parameters, *rest, **kwargs)
        for name in list(parameters):
            parameters[name[0].lower() + name[1:]] = parameters.pop(name)

    def _normalise_response(self: Any, response: Any, *rest: Any, **kwargs: Any) -> None:
        if isinstance(response, dict):
            for name in list(response):
                value = response.pop(name)
                if value is not None:
                    response[name[0].upper() + name[1:]] = (
                        _milliseconds(value) if isinstance(value, datetime) else value
                    )

    def remember_child(build: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(build)
        def build_resolver(self: Any, env: Any, *rest: Any, **kwargs: Any) -> Any:
            env.lambda_tuner_child = env.stack[-1]["ExecutionArn"]
            return build(self, env, *rest, **kwargs)

        return build_resolver

    def _eval_sync(self: Any, env: Any, *rest: Any, **kwargs: Any) -> Any:
        outcome = original_wait(self, env, *rest, **kwargs)
        if not outcome and not env.is_running() and not isinstance(env.program_state(), ProgramEnded):
            with contextlib.suppress(Exception):
                region = env.lambda_tuner_child.split(":")[3]
                boto_client.boto_client_for(region=region, service="stepfunctions").stop_execution(
                    executionArn=env.lambda_tuner_child,
                    error="States.Aborted",
                    cause="The parent execution was stopped",
                )
        return outcome

    def normalise_dates(self: Any, response: Any, *rest: Any, **kwargs: Any) -> None:
        _replace_dates(response)

    StateTaskServiceSfn._normalise_parameters = _normalise_parameters
    StateTaskServiceSfn._normalise_response = _normalise_response
    StateTaskServiceSfn._build_sync_resolver = remember_child(original_sync)
    StateTaskServiceSfn._build_sync2_resolver = remember_child(original_sync2)
    StateTaskServiceSfn._eval_sync = _eval_sync
    StateTaskService._normalise_response = normalise_dates


def _replace_dates(value: Any) -> None:
    """Turn every date inside a task's answer into AWS's text, in place."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in list(entries):
        if isinstance(item, datetime):
            value[key] = _iso(item)
        else:
            _replace_dates(item)


def mend_error_names(hooks: Hooks) -> None:
    """Match ``States.*`` errors as AWS does.

    In moto ``States.ALL`` also catches ``States.Runtime`` and
    ``States.DataLimitExceeded``, which AWS lets no one catch by it ("Handling
    errors", Step Functions guide); and a time-out that leaves a Parallel branch
    breaks the interpreter, which takes its name for a custom one.
    """
    from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
    from moto.stepfunctions.parser.asl.component.common.error_name.error_equals_decl import ErrorEqualsDecl
    from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName

    original = ErrorEqualsDecl._eval_body
    uncatchable = {"States.Runtime", "States.DataLimitExceeded"}

    def _eval_body(self: Any, env: Any) -> None:
        name = env.stack[-1].error_name if env.stack[-1] is not None else None
        if name in uncatchable and name not in {each.error_name for each in self.error_names}:
            env.stack.pop()
            env.stack.append(False)
            return
        original(self, env)

    def __init__(self: Any, error_name: str | None) -> None:  # noqa: N807 - takes the place of moto's
        ErrorName.__init__(self, error_name=error_name)

    ErrorEqualsDecl._eval_body = _eval_body
    CustomErrorName.__init__ = __init__


def mend_task_errors(hooks: Hooks) -> None:
    """Name Lambda's refusals as AWS does, ``Lambda.TooManyRequestsException``, for a function's bare ARN too.

    In moto every such error is called ``Exception``, which no one retries.
    """
    from botocore.exceptions import ClientError
    from moto.stepfunctions.parser.api import HistoryEventType, LambdaFunctionFailedEventDetails
    from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
    from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.state_task_lambda import StateTaskLambda
    from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails

    original = StateTaskLambda._from_error

    def _from_error(self: Any, env: Any, ex: Exception) -> Any:
        if not isinstance(ex, ClientError):
            return original(self, env, ex)
        name = f"Lambda.{ex.response['Error']['Code'].removeprefix('Lambda.')}"
        return FailureEvent(
            env=env,
            error_name=CustomErrorName(name),
            event_type=HistoryEventType.LambdaFunctionFailed,
            event_details=EventDetails(
                lambdaFunctionFailedEventDetails=LambdaFunctionFailedEventDetails(
                    error=name, cause=ex.response["Error"]["Message"]
                )
            ),
        )

    StateTaskLambda._from_error = _from_error


def mend_json_paths(hooks: Hooks) -> None:
    """Give one value for a path that names one: moto gives ``$.x[0].b`` as a list of one."""
    from moto.stepfunctions.parser.asl.utils import json_path

    original = json_path.extract_json
    definite = re.compile(r"\$(\.[A-Za-z_][\w-]*|\['[^']*'\]|\[\d+\])*")

    def extract_json(path: str, data: Any) -> Any:
        value = original(path, data)
        if isinstance(value, list) and "[" in path and definite.fullmatch(path):
            found = json_path.parse(path).find(data)
            return found[0].value if len(found) == 1 else value
        return value

    _replace_everywhere("extract_json", original, extract_json)


def mend_interpreter_clients(hooks: Hooks) -> None:
    """Make the interpreter's boto clients once, with a key that opens the account.

    moto makes one for every state, half of a state's time, with a made-up key.
    """
    from moto.stepfunctions.parser.asl.utils import boto_client

    @functools.cache
    def client(region: str, service: str, port: str) -> Any:
        import boto3
        from botocore.config import Config

        return boto3.client(  # type: ignore[call-overload]
            service,
            region_name=region,
            endpoint_url=f"http://127.0.0.1:{port}",
            aws_access_key_id=hooks.access_key.access_key_id,
            aws_secret_access_key=hooks.access_key.secret_access_key,
            config=Config(
                parameter_validation=False,
                retries={"max_attempts": 0, "total_max_attempts": 1},
                connect_timeout=10,
                read_timeout=16 * 60,
                max_pool_connections=64,
            ),
        )

    making = threading.Lock()

    def boto_client_for(region: str, service: str, state_credentials: Any = None) -> Any:
        with making:
            return client(region, service, boto_client.moto_server_port())

    _replace_everywhere("boto_client_for", boto_client.boto_client_for, boto_client_for)


def mend_interpreter_memory(hooks: Hooks) -> None:
    """Forget threads that have ended: moto keeps every thread of every state, with all that it held."""
    from moto.stepfunctions.parser import utils

    class Forgetful(list[threading.Thread]):
        def append(self, thread: threading.Thread) -> None:
            """Keep nothing: the threads are daemons, and nobody reads the list."""

    _replace_everywhere("TMP_THREADS", utils.TMP_THREADS, Forgetful())


def _replace_everywhere(name: str, original: Any, replacement: Any) -> None:
    """Replace what moto's interpreter modules have imported by its name."""
    for module in list(sys.modules.values()):
        if (
            getattr(module, "__name__", "").startswith("moto.stepfunctions.")
            and getattr(module, name, None) is original
        ):
            setattr(module, name, replacement)


def mend_interpreter_noise(hooks: Hooks) -> None:
    """Print no syntax trees: moto writes a failed state's whole definition, at each level, to standard error."""
    from moto.stepfunctions.parser.asl.component.eval_component import EvalComponent

    def silent(self: Any, *args: Any, **kwargs: Any) -> None:
        """Say nothing: the error is in the execution's history."""

    EvalComponent._log_failure_event_exception = silent
    EvalComponent._log_exception = silent


# --- EventBridge and Scheduler --------------------------------------------------------------------------------------


def emit_event(event: dict[str, Any]) -> None:
    """Give an event of an AWS service to the rules of the default bus; never fails."""
    from moto.events.models import events_backends

    bus = events_backends[event["account"]][event["region"]].event_buses["default"]
    for rule in list(bus.rules.values()):
        try:
            if rule.event_pattern.get_pattern():
                rule.send_to_targets(copy.deepcopy(event))
        except Exception:
            LOG.exception("an event of %s did not reach the rule %s", event["source"], rule.name)


def mend_event_targets(hooks: Hooks) -> None:
    """Deliver events to Lambda and Step Functions: moto answers such a rule's event with 500."""
    from moto.events.models import Rule

    original = Rule.send_to_targets
    ours = re.compile(r"arn:[^:]+:(lambda|states):")

    def send_to_targets(self: Any, original_event: Any, transform_input: bool = True) -> None:
        if self.state != "ENABLED" or not self.event_pattern.matches_event(original_event):
            return
        for target in list(self.targets):
            if ours.match(target["Arn"]):
                hooks.deliver(target, original_event)
        rest = [target for target in self.targets if not ours.match(target["Arn"])]
        if rest:
            others = copy.copy(self)
            others.targets = rest
            moment = original_event["time"]  # moto's own targets want seconds
            seconds = datetime.fromisoformat(moment).timestamp() if isinstance(moment, str) else moment
            with contextlib.suppress(NotImplementedError):
                original(others, {"ingestion-time": seconds, **original_event, "time": seconds}, transform_input)

    Rule.send_to_targets = send_to_targets


def mend_schedules(hooks: Hooks) -> None:
    """Create schedules and their groups from a template; refuse an unknown group and an expression that AWS refuses.

    moto's CloudFormation skips both with a warning; its API answers 500 for
    an unknown group, and takes any text for an expression.
    """
    from moto.events.exceptions import ValidationException as RuleRefused
    from moto.events.models import EventsBackend
    from moto.scheduler.exceptions import ScheduleGroupNotFound, ValidationException
    from moto.scheduler.models import EventBridgeSchedulerBackend, scheduler_backends

    original_create = EventBridgeSchedulerBackend.create_schedule
    original_update = EventBridgeSchedulerBackend.update_schedule
    original_put_rule = EventsBackend.put_rule

    def refuse_wrong_expression(settings: Mapping[str, Any]) -> None:
        expression = str(settings["schedule_expression"])
        try:
            check_schedule(expression, settings.get("schedule_expression_timezone"))
        except InvalidSchedule as error:
            raise ValidationException(f"Invalid Schedule Expression {expression}.") from error

    def create_schedule(self: Any, *args: Any, **kwargs: Any) -> Any:
        group = kwargs.get("group_name") or "default"
        if group not in self.schedule_groups:
            raise ScheduleGroupNotFound(group)
        refuse_wrong_expression(kwargs)
        return original_create(self, *args, **kwargs)

    def update_schedule(self: Any, *args: Any, **kwargs: Any) -> Any:
        refuse_wrong_expression(kwargs)
        return original_update(self, *args, **kwargs)

    def put_rule(self: Any, *args: Any, **kwargs: Any) -> Any:
        expression = kwargs.get("scheduled_expression")
        if expression:
            try:
                check_schedule(expression)
            except InvalidSchedule as error:
                raise RuleRefused("Parameter ScheduleExpression is not valid.") from error
        return original_put_rule(self, *args, **kwargs)

    def settings_of(properties: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "description": properties.get("Description"),
            "start_date": properties.get("StartDate"),
            "end_date": properties.get("EndDate"),
            "flexible_time_window": properties.get("FlexibleTimeWindow"),
            "group_name": properties.get("GroupName"),
            "kms_key_arn": properties.get("KmsKeyArn"),
            "schedule_expression": properties["ScheduleExpression"],
            "schedule_expression_timezone": properties.get("ScheduleExpressionTimezone"),
            "state": properties.get("State"),
            "target": properties["Target"],
        }

    def create(backends: Any, name: str, properties: Mapping[str, Any]) -> str:
        return str(backends.create_schedule(name=name, action_after_completion=None, **settings_of(properties)).arn)

    def update(backends: Any, name: str, properties: Mapping[str, Any]) -> str:
        return str(backends.update_schedule(name=name, **settings_of(properties)).arn)

    def delete(backends: Any, name: str, properties: Mapping[str, Any]) -> None:
        backends.delete_schedule(properties.get("GroupName"), name)

    EventBridgeSchedulerBackend.create_schedule = create_schedule
    EventBridgeSchedulerBackend.update_schedule = update_schedule
    EventsBackend.put_rule = put_rule
    _add_resource("AWS::Scheduler::Schedule", scheduler_backends, create, delete, update)
    _add_resource(
        "AWS::Scheduler::ScheduleGroup",
        scheduler_backends,
        lambda backend, name, properties: str(backend.create_schedule_group(name, properties.get("Tags") or []).arn),
        lambda backend, name, _: backend.delete_schedule_group(name),
    )


def mend_bucket_policies(hooks: Hooks) -> None:
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

    _add_resource(
        "AWS::S3::BucketPolicy",
        s3_backends,
        create,
        lambda backend, _, properties: backend.delete_bucket_policy(properties["Bucket"]),
        name_property=None,
    )


def mend_bucket_rules(hooks: Hooks) -> None:
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

    original_create = FakeBucket.create_from_cloudformation_json.__func__
    original_update = FakeBucket.update_from_cloudformation_json.__func__

    def create(cls: type[Any], resource_name: str, cloudformation_json: Any, *args: Any, **kwargs: Any) -> Any:
        return put_rules(original_create(cls, resource_name, cloudformation_json, *args, **kwargs), cloudformation_json)

    def update(cls: type[Any], resource: Any, name: str, cloudformation_json: Any, *args: Any, **kwargs: Any) -> Any:
        return put_rules(
            original_update(cls, resource, name, cloudformation_json, *args, **kwargs), cloudformation_json
        )

    FakeBucket.create_from_cloudformation_json = classmethod(create)
    FakeBucket.update_from_cloudformation_json = classmethod(update)


def _add_resource(
    resource_type: str,
    backends: Any,
    create: Callable[[Any, str, Mapping[str, Any]], str],
    delete: Callable[[Any, str, Mapping[str, Any]], None],
    update: Callable[[Any, str, Mapping[str, Any]], str] | None = None,
    *,
    name_property: str | None = "Name",
) -> None:
    """Teach moto's CloudFormation a type of resource; *create* and *update* return its ARN."""
    from moto.cloudformation import parsing
    from moto.core.common_models import CloudFormationModel

    def backend_of(account_id: str, region_name: str) -> Any:
        account = backends[account_id]
        return account[region_name] if region_name in account else account["aws"]

    class AddedResource(CloudFormationModel):  # type: ignore[misc]
        def __init__(self, name: str, arn: str) -> None:
            self.name, self.arn = name, arn

        @property
        def physical_resource_id(self) -> str:
            return self.name

        @staticmethod
        def cloudformation_name_type() -> str | None:
            return name_property

        @staticmethod
        def cloudformation_type() -> str:
            return resource_type

        @classmethod
        def has_cfn_attr(cls, attr: str) -> bool:
            return attr == "Arn"

        def get_cfn_attribute(self, attribute_name: str) -> str:
            return self.arn

        @classmethod
        def create_from_cloudformation_json(
            cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **kwargs: Any
        ) -> Any:
            backend = backend_of(account_id, region_name)
            return cls(resource_name, create(backend, resource_name, cloudformation_json["Properties"]))

        @classmethod
        def update_from_cloudformation_json(
            cls,
            original_resource: Any,
            new_resource_name: str,
            cloudformation_json: Any,
            account_id: str,
            region_name: str,
        ) -> Any:
            backend, name = backend_of(account_id, region_name), original_resource.name
            (update or create)(backend, name, cloudformation_json["Properties"])
            return original_resource

        @classmethod
        def delete_from_cloudformation_json(
            cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str
        ) -> None:
            with contextlib.suppress(Exception):  # what is gone already is deleted
                delete(backend_of(account_id, region_name), resource_name, cloudformation_json["Properties"])

    _ADDED_RESOURCES.append(AddedResource)
    for cached in (parsing.get_model_list, parsing.get_model_map, parsing.get_name_type_map):
        cached.cache_clear()


_ADDED_RESOURCES: list[Any] = []
"""Keeps the classes alive: moto finds its models among the subclasses that exist."""


def mend_stack_contents(hooks: Hooks) -> None:
    """Let a stack hold what the local account has no use for (alarms): it is listed, and does nothing.

    moto skips it, warns, and then describes the stack with rows that have
    neither name nor type, also for resources whose condition is false.
    """
    from moto.cloudformation import models, parsing

    original = parsing.resource_class_from_type
    models.Stack.stack_resources = property(
        lambda self: [resource for resource in self.resource_map.values() if resource is not None]
    )

    def resource_class_from_type(resource_type: str) -> Any:
        known = resource_type in parsing.get_model_map() or resource_type in parsing.NULL_MODELS
        if known or resource_type.startswith("Custom::"):
            return original(resource_type)
        LOG.info("the local account holds resources of type %s without effect", resource_type)
        _add_resource(
            resource_type,
            _NoBackends(),
            lambda backend, name, properties: f"arn:aws:local:::{name}",
            lambda backend, name, properties: None,
            name_property=None,
        )
        return original(resource_type)

    parsing.resource_class_from_type = resource_class_from_type


def mend_role_policies(hooks: Hooks) -> None:
    """Keep the inline policies of a template's roles as JSON: moto answers with Python's way to write a dict.

    A statement that a condition takes out (``AWS::NoValue``) leaves no gap in the list.
    """
    from moto.iam.models import Role

    put_policy = Role.put_policy

    def put(self: Any, policy_name: str, policy_json: Any) -> None:
        if isinstance(policy_json, dict):
            kept = [statement for statement in policy_json["Statement"] if statement is not None]
            policy_json = json.dumps({**policy_json, "Statement": kept})
        put_policy(self, policy_name, policy_json)

    Role.put_policy = put


class _NoBackends(dict[str, Any]):
    """Stands where a service's memory would be, for resources without one."""

    def __missing__(self, key: str) -> Any:
        return {"aws": None}


# --- CloudWatch Logs and S3 -----------------------------------------------------------------------------------------


def mend_log_filter(hooks: Hooks) -> None:
    """Apply filter patterns: moto knows one quoted string, and for others gives every event back."""
    from moto.logs import models, utils

    class EventMessageFilter:
        def __init__(self, pattern: str) -> None:
            self._pattern = pattern

        def matches(self, message: str) -> bool:
            return matches_filter(self._pattern, message)

    utils.EventMessageFilter = EventMessageFilter
    models.EventMessageFilter = EventMessageFilter


def mend_object_store(hooks: Hooks) -> None:
    """Tell of every object that is put or deleted, so that a bucket can outlive the server: moto has no store.

    What the store cannot keep is not put: the old object stays, the caller gets an error of S3.
    """
    from moto.s3.exceptions import S3ClientError
    from moto.s3.models import S3Backend

    original_put = S3Backend.put_object
    original_delete = S3Backend.delete_object
    storing = threading.RLock()  # the store sees changes in the order in which the bucket saw them

    def put_object(self: Any, bucket_name: str, key_name: str, *args: Any, **kwargs: Any) -> Any:
        with storing:
            keys = self.get_bucket(bucket_name).keys
            before = keys.getlist(key_name)
            key = original_put(self, bucket_name, key_name, *args, **kwargs)
            try:
                hooks.object_written(key)
            except OSError as error:
                keys.setlist(key_name, before) if before else keys.pop(key_name)
                raise S3ClientError(
                    "StorageFailed", f"{error.strerror}: the disk of this machine did not take the object"
                ) from error
        return key

    def delete_object(self: Any, bucket_name: str, key_name: str, *args: Any, **kwargs: Any) -> Any:
        with storing:
            answer = original_delete(self, bucket_name, key_name, *args, **kwargs)
            hooks.object_deleted(bucket_name, key_name)
        return answer

    S3Backend.put_object = put_object
    S3Backend.delete_object = delete_object


def mend_concurrent_reads(hooks: Hooks) -> None:
    """Let readers go on while others write.

    moto walks through its dictionaries while other threads change them, and
    closes an object's content under a reader when the object is overwritten:
    both end as 500. Who polls a run's progress meets both.
    """
    from moto.awslambda.models import LambdaStorage
    from moto.logs.models import LogGroup
    from moto.s3.models import FakeKey, S3Backend

    original_dispose = FakeKey.dispose

    def dispose(self: Any, garbage: bool = False) -> None:
        """Close the content only when nobody can read it any more."""
        if garbage:
            original_dispose(self)

    def again_when_changed(read: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(read)
        def patient(*args: Any, **kwargs: Any) -> Any:
            for _ in range(50):
                try:
                    return read(*args, **kwargs)
                except (RuntimeError, KeyError) as error:
                    if isinstance(error, RuntimeError) and "changed size during iteration" not in str(error):
                        raise
                    time.sleep(0.002)
            return read(*args, **kwargs)

        return patient

    FakeKey.dispose = dispose
    for holder, name in (
        (LambdaStorage, "latest"),
        (LambdaStorage, "all"),
        (LogGroup, "filter_log_events"),
        (LogGroup, "describe_log_streams"),
        (LogGroup, "to_describe_dict"),
        (S3Backend, "list_objects"),
        (S3Backend, "list_object_versions"),
    ):
        setattr(holder, name, again_when_changed(getattr(holder, name)))


# --- Beyond mending: a view into the interpreter ---------------------------------------------------------------------


def watch_interpreter(
    *,
    entered: Callable[[str, str], None],
    time_out_s: Callable[[str, float], float],
    pause: Callable[[float], None],
) -> None:
    """Let tests follow executions state by state, at their own pace.

    Args:
        entered: Called in the interpreter's thread with an execution's ARN and
            the name of the state that it has just entered.
        time_out_s: Gives the time-out to apply, from a state's name and its
            own ``TimeoutSeconds``.
        pause: Waits for that many seconds between retries and in Wait states.
    """
    from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
    from moto.stepfunctions.parser.asl.component.common.timeouts.timeout import TimeoutSeconds
    from moto.stepfunctions.parser.asl.component.state.state import CommonStateField
    from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction

    original_input = CommonStateField._eval_state_input
    original_seconds = TimeoutSeconds._eval_seconds

    def _eval_state_input(self: Any, env: Any) -> None:
        entered(str(env.states.context_object.context_object_data["Execution"]["Id"]), str(self.name))
        original_input(self, env)

    def _eval_seconds(self: Any, env: Any) -> float:
        state = str(env.states.context_object.context_object_data["State"]["Name"])
        return time_out_s(state, float(original_seconds(self, env)))

    def _wait_interval(self: Any, env: Any, wait_seconds: float) -> None:
        pause(wait_seconds)

    CommonStateField._eval_state_input = _eval_state_input
    TimeoutSeconds._eval_seconds = _eval_seconds
    WaitFunction._wait_interval = _wait_interval
    retrier_decl.time = types.SimpleNamespace(sleep=pause)


def end_time_of(execution_arn: str) -> None:
    """Let an execution's time be over, as its machine's ``TimeoutSeconds`` does; a task that runs, nobody stops."""
    from moto.stepfunctions.parser.models import stepfunctions_parser_backends

    region, account = execution_arn.split(":")[3:5]
    execution = stepfunctions_parser_backends[account][region].describe_execution(execution_arn)
    execution.exec_worker.env.set_timed_out()
    execution.exec_worker._execution_communication.terminated()


def use_interpreter_clients(client: Callable[[str, str | None], Any]) -> None:
    """Give the interpreter the clients of the process that it runs in, by the service and the machine's role."""
    from moto.stepfunctions.parser.asl.utils import boto_client

    def boto_client_for(region: str, service: str, state_credentials: Any = None) -> Any:
        return client(service, getattr(state_credentials, "role_arn", None))

    _replace_everywhere("boto_client_for", boto_client.boto_client_for, boto_client_for)


MENDS: tuple[Callable[[Hooks], None], ...] = (
    mend_start,
    mend_function_settings,
    mend_function_code_location,
    mend_function_code,
    mend_function_from_cloudformation,
    mend_function_versions,
    mend_function_lookup,
    mend_invoke,
    mend_function_policy,
    mend_function_listing,
    mend_reserved_concurrency,
    mend_layer_lookup,
    mend_function_questions,
    mend_state_machines_from_cloudformation,
    mend_start_execution,
    mend_execution_times,
    mend_execution_end,
    mend_execution_answers,
    mend_nested_executions,
    mend_error_names,
    mend_task_errors,
    mend_json_paths,
    mend_interpreter_clients,
    mend_interpreter_memory,
    mend_interpreter_noise,
    mend_event_targets,
    mend_schedules,
    mend_bucket_policies,
    mend_bucket_rules,
    mend_stack_contents,
    mend_role_policies,
    mend_log_filter,
    mend_object_store,
    mend_concurrent_reads,
)


def _iso(moment: datetime, *, milliseconds: bool = True) -> str:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    text = aware.astimezone(UTC).isoformat(timespec="milliseconds" if milliseconds else "seconds")
    return text.replace("+00:00", "Z")


def _milliseconds(moment: datetime) -> int:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return int(aware.timestamp() * 1000)
