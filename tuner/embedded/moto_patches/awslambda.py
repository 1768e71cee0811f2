"""Patches of moto's Lambda."""

from __future__ import annotations

import base64
import contextlib
import copy
import io
import json
import logging
import re
import socket
import threading
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from tuner.core.aws_limits import TAG_KEY, TAG_VALUE
from tuner.core.errors import Throttled, TunerError
from tuner.core.function.concurrency import LEAST_UNRESERVED
from tuner.core.request.payloads import MAX_PAYLOAD_BYTES
from tuner.embedded.identity import STEERING_PREFIX
from tuner.embedded.runtimes import languages, runtime_named

if TYPE_CHECKING:
    from tuner.embedded.host.model import InvocationResult
from tuner.embedded.moto_patches.common import replaces
from tuner.embedded.moto_patches.hooks import Hooks

LOG = logging.getLogger(__name__)


def patch_function_settings(hooks: Hooks) -> None:
    """Keep what moto drops of a function's configuration, and refuse what AWS refuses.

    moto loses LoggingConfig, SnapStart, FileSystemConfigs, RuntimeConfig and DeadLetterConfig,
    ignores TracingConfig, EphemeralStorage and KMSKeyArn on update, returns no
    RevisionId, and accepts any memory size, any length of name and any tag. It
    creates a function at once; AWS takes seconds, as here with the variable
    ``LAMBDA_TUNER_LOCAL_CREATION_S``.
    """
    from moto.awslambda import models
    from moto.awslambda.exceptions import PreconditionFailedException

    kept = {
        "LoggingConfig": "logging_config",
        "FileSystemConfigs": "file_system_configs",
        "RuntimeConfig": "runtime_config",
        "DeadLetterConfig": "dead_letter_config",
    }

    def keep_settings(function: Any, spec: Mapping[str, Any]) -> None:
        for name, attribute in kept.items():
            if name in spec:
                setattr(function, attribute, spec[name] or {})
        function.logs_group_name = function.logging_config.get("LogGroup") or f"/aws/lambda/{function.function_name}"
        if "SnapStart" in spec:
            function.snap_start = (spec["SnapStart"] or {}).get("ApplyOn", "None")

    @replaces(models.LambdaFunction)
    def __init__(  # noqa: N807 - takes the place of moto's
        original: Any, self: Any, account_id: str, spec: dict[str, Any], region: str, version: str | int = 1
    ) -> None:
        _check_name(spec["FunctionName"])
        _check_memory(hooks, spec["FunctionName"], spec.get("MemorySize"))
        _check_tags(spec.get("Tags") or {})
        time.sleep(float(spec.get("Environment", {}).get("Variables", {}).get("LAMBDA_TUNER_LOCAL_CREATION_S", 0)))
        original(self, account_id, spec, region, version)
        self.snap_start = "None"
        self.state_reason = self.state_reason_code = None
        self.revision_id = str(uuid.uuid4())
        keep_settings(self, {**dict.fromkeys(kept), **spec})

    @replaces(models.LambdaFunction)
    def get_configuration(original: Any, self: Any, on_create: bool = False) -> dict[str, Any]:
        configuration: dict[str, Any] = original(self, on_create)
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
        configuration["FileSystemConfigs"] = self.file_system_configs or None
        configuration["RuntimeConfig"] = self.runtime_config or None
        configuration["DeadLetterConfig"] = (
            self.dead_letter_config if self.dead_letter_config.get("TargetArn") else None
        )
        configuration["StateReason"] = self.state_reason
        configuration["StateReasonCode"] = self.state_reason_code
        configuration["RevisionId"] = self.revision_id
        configuration["LastUpdateStatus"] = "Successful"
        return {key: value for key, value in configuration.items() if value is not None}

    @replaces(models.LambdaFunction)
    def update_configuration(original: Any, self: Any, updates: dict[str, Any]) -> dict[str, Any]:
        _check_memory(hooks, self.function_name, updates.get("MemorySize"))
        _check_revision(self, updates, PreconditionFailedException)
        if "EphemeralStorage" in updates:
            self.ephemeral_storage = updates["EphemeralStorage"]["Size"]
        if "TracingConfig" in updates:
            self.tracing_config = updates["TracingConfig"]
        if "KMSKeyArn" in updates:
            self.kms_key_arn = updates["KMSKeyArn"] or None
        original(self, updates)
        keep_settings(self, updates)
        _touch(hooks, self)
        return dict(self.get_configuration())

    @replaces(models.LambdaFunction)
    def _set_function_code(original: Any, self: Any, updated_spec: dict[str, Any]) -> None:
        """Hold the package on disk: moto keeps it in memory, once raw and once as base64, for every clone anew."""
        changes = updated_spec is not self.code and not updated_spec.get("DryRun")
        if changes:
            _check_revision(self, updated_spec, PreconditionFailedException)
        self.code_bytes = b""
        original(self, updated_spec)
        if self.code_bytes:
            self.code_digest = hooks.store_code(self.code_bytes)
            self.code_bytes = b""
            self.code = {key: value for key, value in self.code.items() if key != "ZipFile"}
        if changes:
            if "Architectures" in updated_spec:
                self.architectures = updated_spec["Architectures"]
            _touch(hooks, self)


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
    if not 128 <= int(memory_mb) <= 10_240:
        bound = "greater than or equal to 128" if int(memory_mb) < 128 else "less than or equal to 10240"
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


def patch_function_code(hooks: Hooks) -> None:
    """Refuse code as Lambda does, say where it can be downloaded or lies, and take an image by its digest.

    moto makes a function of an object that is not there, of bytes that are no
    archive and of another account's image, gives an address in AWS's own
    bucket, forgets S3ObjectStorageMode, gives an image that is named by its
    digest another one, and leaves a reserved concurrency of zero out.
    """
    from moto.awslambda import models
    from moto.s3.models import s3_backends

    @replaces(models)
    def _validate_s3_bucket_and_key(original: Any, account_id: str, partition: str, data: dict[str, Any]) -> Any:
        key = original(account_id, partition, data)
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

    @replaces(models.LambdaFunction)
    def _set_function_code(original: Any, self: Any, updated_spec: dict[str, Any]) -> None:
        if updated_spec.get("S3Key"):
            key = models._validate_s3_bucket_and_key(self.account_id, self.partition, updated_spec)
            by_reference = updated_spec.get("S3ObjectStorageMode") == "REFERENCE"
            place = {name: updated_spec[name] for name in ("S3Bucket", "S3Key")}
            self.resolved_s3_object = {**place, "S3ObjectVersion": key.version_id} if by_reference else None
        elif updated_spec.get("ZipFile"):
            self.resolved_s3_object = None
        uri = str(updated_spec.get("ImageUri") or "")
        if uri and not uri.startswith(f"{self.account_id}."):
            message = "Lambda does not have permission to access the ECR image. Check the ECR permissions."
            raise _lambda_error("AccessDeniedException", message, 403)
        original(self, updated_spec)
        if "@sha256:" in uri:
            self.code_sha_256 = uri.rpartition("@sha256:")[2]

    @replaces(models.LambdaFunction)
    def get_code(original: Any, self: Any) -> dict[str, Any]:
        response: dict[str, Any] = original(self)
        if self.package_type == "Image":
            repository = re.sub(r"(:[^/:@]+)?(@sha256:.*)?$", "", self.code["ImageUri"])
            response["Code"]["ResolvedImageUri"] = f"{repository}@sha256:{self.code_sha_256}"
        elif self.resolved_s3_object:
            response["Code"] = {"RepositoryType": "S3", "ResolvedS3Object": self.resolved_s3_object}
        else:
            response["Code"] = {"RepositoryType": "S3", "Location": hooks.code_url(self.code_digest)}
        if self.reserved_concurrency is not None:
            response["Concurrency"] = {"ReservedConcurrentExecutions": int(self.reserved_concurrency)}
        return response

    models._zipfile_content = unzipped(models._zipfile_content)
    models._s3_content = unzipped(models._s3_content)


def _bad_code(message: str) -> Exception:
    return _lambda_error("InvalidParameterValueException", message, 400)


def patch_function_versions(hooks: Hooks) -> None:
    """Never give a version's number twice, end the environments of what is deleted, and take SnapStart's snapshots.

    moto numbers a version by how many there are, so that after a deletion two
    versions carry the same number; and a version with SnapStart is active at
    once, whatever its init does.
    """
    from moto.awslambda import models

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

    @replaces(models.LambdaStorage)
    def del_function(original: Any, self: Any, name_or_arn: str, qualifier: str | None = None) -> None:
        function = self.get_function_by_name_or_arn_with_qualifier(name_or_arn, qualifier)
        if any(version.state == "Pending" for version in self._functions[function.function_name]["versions"]):
            raise _not_in_state(function, "Pending")
        original(self, name_or_arn, qualifier)
        hooks.retire(function.function_arn)
        hooks.deleted(function.function_arn)

    models.LambdaStorage.publish_version = publish_version


def patch_function_lookup(hooks: Hooks) -> None:
    """Refuse ARNs of another Region, another account or another kind of resource.

    moto looks at the name alone: the ARN of a function elsewhere finds the
    function of that name here.
    """
    from moto.awslambda import models
    from moto.awslambda.exceptions import ValidationException

    pattern = (
        r"(arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}(-gov)?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?"
        r"([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?"
    )

    @replaces(models.LambdaStorage)
    def get_function_by_name_or_arn_with_qualifier(
        original: Any, self: Any, name_or_arn: str, qualifier: str | None = None
    ) -> Any:
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


def patch_invoke(hooks: Hooks) -> None:
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

    @replaces(core_responses)
    def gen_amzn_requestid_long(original: Any, headers: dict[str, Any] | None = None) -> str:
        named = (headers or {}).get("x-amzn-requestid")
        return str(named) if named else str(original(headers))

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
        if result.function_error:
            headers["X-Amz-Function-Error"] = result.function_error
        if self.headers.get("X-Amz-Log-Type") == "Tail":
            headers["X-Amz-Log-Result"] = base64.b64encode(result.log_tail.encode()).decode()
        return 200, headers, result.payload

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
    if len(body) > MAX_PAYLOAD_BYTES:
        message = f"Request must be smaller than {MAX_PAYLOAD_BYTES} bytes for the InvokeFunction operation"
        raise _lambda_error("RequestTooLargeException", message, 413)
    try:
        json.loads(body or b"{}")
    except ValueError as error:
        message = f"Could not parse request body into json: {error}"
        raise _lambda_error("InvalidRequestContentException", message, 400) from error
    if function.package_type != "Zip" or runtime_named(str(function.run_time)) is None:
        kind = "a container image" if function.package_type != "Zip" else f"of the runtime {function.run_time}"
        runs = f"The embedded AWS runs {languages()} functions from zip packages"
        raise _lambda_error("InvalidRuntimeException", f"{runs}; {function.function_name} is {kind}.", 502)


_REFUSED: dict[str, int] = {}
"""How many invocations were refused as not ready, by the function's ARN."""
_IN_FLIGHT: dict[str, int] = {}
_COUNTING = threading.Lock()


@contextlib.contextmanager
def _one_of_reserved_concurrency(function: Any) -> Iterator[None]:
    """Count an invocation in; throttle it if the function's reserved concurrency is used up."""
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
    """What Lambda decides without a header: it samples if tracing is active, and nothing if it passes through.

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
) -> InvocationResult:
    """Invoke for a caller who does not wait for the answer: throttled, Lambda's own queue asks again."""
    while True:
        with contextlib.suppress(Throttled):
            return hooks.invoke(function, payload, context, trace_id)


def patch_function_policy(hooks: Hooks) -> None:
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

    @replaces(models.Policy)
    def add_statement(original: Any, self: Any, raw: str, qualifier: str | None = None) -> Any:
        statement, revision = original(self, raw, qualifier)
        statement["Resource"] = statement["Resource"].replace("::", ":").rstrip(":")
        return statement, revision

    models.LambdaBackend.get_policy = get_policy


def patch_function_listing(hooks: Hooks) -> None:
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


def patch_reserved_concurrency(hooks: Hooks) -> None:
    """Refuse a reserve that leaves others too little: moto has no limit without a variable of the process."""
    from moto.awslambda import models

    @replaces(models.LambdaBackend)
    def put_function_concurrency(original: Any, self: Any, function_name: str, reserved_concurrency: Any) -> Any:
        target = self.get_function(function_name)
        others = sum(
            int(function.reserved_concurrency or 0)
            for function in self.list_functions()
            if function.function_name != target.function_name
        )
        if _ACCOUNT_CONCURRENCY - others - int(reserved_concurrency) < LEAST_UNRESERVED:
            message = (
                "Specified ReservedConcurrentExecutions for function decreases account's "
                f"UnreservedConcurrentExecution below its minimum value of [{LEAST_UNRESERVED}]."
            )
            raise _lambda_error("InvalidParameterValueException", message, 400)
        return original(self, function_name, reserved_concurrency)


def patch_layer_lookup(hooks: Hooks) -> None:
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


def patch_function_questions(hooks: Hooks) -> None:
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
