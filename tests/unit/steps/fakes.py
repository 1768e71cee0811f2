"""In-memory stand-ins behind the seams of ``tuner.aws``: enough of S3 and Lambda for one run.

They answer as AWS does (shapes and error codes); what they do is small enough to read.
"""

from __future__ import annotations

import base64
import hashlib
import io
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from tuner.core.function.concurrency import LEAST_UNRESERVED
from tuner.embedded.log_filter import matches_filter

ACCOUNT = "123456789012"
REGION = "eu-west-1"


def client_error(code: str, message: str = "", **more: Any) -> ClientError:
    """An error as botocore raises it."""
    return ClientError({"Error": {"Code": code, "Message": message}, **more}, "Operation")


class FakePaginator:
    """Gives everything in one page."""

    def __init__(self, page: Callable[..., dict[str, Any]]) -> None:
        self._page = page

    def paginate(self, **arguments: Any) -> Iterator[dict[str, Any]]:
        """One page."""
        yield self._page(**arguments)


class FakeS3:
    """Objects in a dict, with entity tags, conditional writes and times; versions by ``bucket/key@version``."""

    class meta:  # noqa: N801 - botocore's name
        """What clients know of themselves."""

        partition = "aws"
        region_name = "eu-central-1"

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.now = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
        self.written_at: dict[str, datetime] = {}
        """When an object was written; what is not here was written now."""

    def get_object(self, *, Bucket: str, Key: str, VersionId: str = "", Range: str = "bytes=0-") -> dict[str, Any]:  # noqa: N803
        """As S3 does."""
        key = f"{Bucket}/{Key}@{VersionId}" if VersionId else Key
        if key not in self.objects:
            raise client_error("NoSuchVersion" if VersionId else "NoSuchKey")
        first, _, last = Range.removeprefix("bytes=").partition("-")
        body = self.objects[key][int(first) : int(last) + 1 if last else None]
        return {"Body": io.BytesIO(body), "ContentLength": len(body), "ETag": self._tag(key)}

    def head_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        """As S3 does."""
        if Key not in self.objects:
            raise client_error("404")
        return {"ETag": self._tag(Key), "LastModified": self.written_at.get(Key, self.now)}

    def delete_object(self, *, Bucket: str, Key: str) -> None:  # noqa: N803
        """As S3 does: what is not there is fine."""
        self.objects.pop(Key, None)

    def put_object(
        self,
        *,
        Bucket: str,  # noqa: N803
        Key: str,  # noqa: N803
        Body: Any,  # noqa: N803
        IfMatch: str | None = None,  # noqa: N803
        IfNoneMatch: str | None = None,  # noqa: N803
        **_: Any,
    ) -> dict[str, Any]:
        """As S3 does, with its conditions."""
        present = Key in self.objects
        if (IfNoneMatch and present) or (IfMatch and (not present or IfMatch != self._tag(Key))):
            raise client_error("PreconditionFailed")
        self.objects[Key] = Body if isinstance(Body, bytes) else Body.read()
        self.written_at[Key] = self.now
        return {"ETag": self._tag(Key)}

    def get_paginator(self, _: str) -> FakePaginator:
        """Of ``list_objects_v2``."""

        def page(*, Bucket: str, Prefix: str) -> dict[str, Any]:  # noqa: N803
            keys = [key for key in sorted(self.objects) if key.startswith(Prefix)]
            return {"Contents": [{"Key": key, "LastModified": self.written_at.get(key, self.now)} for key in keys]}

        return FakePaginator(page)

    def _tag(self, key: str) -> str:
        return f'"{hashlib.md5(self.objects[key]).hexdigest()}"'


class FakeLambda:
    """Functions in a dict; what an invocation takes is a function of its memory size."""

    class meta:  # noqa: N801 - botocore's name
        """What clients know of themselves."""

        region_name = REGION

    def __init__(self, duration_ms: Callable[[int], float] = lambda memory_mb: 100_000 / memory_mb + 20) -> None:
        self.functions: dict[str, dict[str, Any]] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.duration_ms = duration_ms
        self.calls: list[tuple[str, str]] = []
        self.before: Callable[[str, str], None] = lambda call, name: None
        """Called before every call; raises what AWS shall answer."""
        self.cold: set[str] = set()
        self.started: dict[str, int] = {}
        """Environments of each function."""
        self.core_wait = ""
        """What REPORT says of the wait for a core of the embedded AWS's machine."""
        self.unreserved = 1_000
        self.pending_looks = 1
        """How often a version with SnapStart is still pending when it is looked at."""
        self.version_says: dict[str, Any] = {"SnapStart": {"ApplyOn": "PublishedVersions", "OptimizationStatus": "On"}}
        """What a version with SnapStart answers of itself, when it is pending no more."""
        self.looks: dict[str, int] = {}
        self.listed: dict[str, list[dict[str, Any]]] = {"list_versions_by_function": [{"Version": "$LATEST"}]}
        """What the function's listings answer, by operation; nothing by default."""
        self.s3 = FakeS3()
        """Where the packages of new functions lie."""
        self.runtime_management: dict[str, Any] = {"UpdateRuntimeOn": "Auto"}
        self.missing_layers: set[str] = set()

    def add(self, name: str, **configuration: Any) -> dict[str, Any]:
        """Put a function there, as if somebody had deployed it."""
        self.functions[name] = {
            "FunctionName": name,
            "FunctionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}",
            "Runtime": "python3.13",
            "Handler": "app.handler",
            "Role": f"arn:aws:iam::{ACCOUNT}:role/theirs",
            "MemorySize": 1024,
            "Timeout": 10,
            "CodeSha256": base64.b64encode(hashlib.sha256(b"code").digest()).decode(),
            "Architectures": ["arm64"],
            "PackageType": "Zip",
            "State": "Active",
            "LastUpdateStatus": "Successful",
            "Environment": {"Variables": {"SECRET": "hunter2"}},
            "LastModified": "2026-11-01T00:00:00.000+0000",
            "EphemeralStorage": {"Size": 512},
            **configuration,
        }
        self.cold.add(name)
        return self.functions[name]

    def _called(self, call: str, name: str) -> dict[str, Any]:
        self.calls.append((call, name))
        self.before(call, name)
        if name not in self.functions:
            raise client_error("ResourceNotFoundException", f"Function not found: {name}")
        return self.functions[name]

    def get_function_configuration(self, *, FunctionName: str, Qualifier: str = "") -> dict[str, Any]:  # noqa: N803
        """As Lambda does."""
        configuration = self._called("get_function_configuration", FunctionName)
        if not (Qualifier and configuration.get("Publish")):
            return dict(configuration)
        self.looks[FunctionName] = self.looks.get(FunctionName, 0) + 1
        if self.looks[FunctionName] <= self.pending_looks:
            return {**configuration, "Version": Qualifier, "State": "Pending", "StateReasonCode": "Creating"}
        return {**configuration, "Version": Qualifier, **self.version_says}

    def get_function(self, *, FunctionName: str, Qualifier: str = "") -> dict[str, Any]:  # noqa: N803
        """As Lambda does."""
        configuration = self._called("get_function", FunctionName)
        return {
            "Configuration": configuration,
            "Code": {"Location": "https://example.invalid/code"},
            "Tags": self.tags.get(FunctionName, {}),
        }

    def get_function_concurrency(self, *, FunctionName: str) -> dict[str, Any]:  # noqa: N803
        """As Lambda does."""
        reserved = self._called("get_function_concurrency", FunctionName).get("_reserved")
        return {} if reserved is None else {"ReservedConcurrentExecutions": reserved}

    def get_account_settings(self) -> dict[str, Any]:
        """As Lambda does."""
        self.calls.append(("get_account_settings", ""))
        self.before("get_account_settings", "")
        return {"AccountLimit": {"UnreservedConcurrentExecutions": self.unreserved}}

    def get_policy(self, *, FunctionName: str, Qualifier: str = "") -> dict[str, Any]:  # noqa: N803
        """As Lambda does where there is none."""
        raise client_error("ResourceNotFoundException")

    def get_function_code_signing_config(self, *, FunctionName: str) -> dict[str, Any]:  # noqa: N803
        """As Lambda does where there is none."""
        return {"FunctionName": FunctionName}

    def get_function_recursion_config(self, *, FunctionName: str) -> dict[str, Any]:  # noqa: N803
        """As Lambda does by default."""
        return {"RecursiveLoop": "Terminate"}

    def get_runtime_management_config(self, *, FunctionName: str, Qualifier: str = "") -> dict[str, Any]:  # noqa: N803
        """As Lambda does by default."""
        return dict(self.runtime_management)

    def get_layer_version_by_arn(self, *, Arn: str) -> dict[str, Any]:  # noqa: N803
        """As Lambda does."""
        if Arn in self.missing_layers:
            raise client_error("ResourceNotFoundException", "The resource you requested does not exist.")
        return {"LayerVersionArn": Arn}

    def list_tags(self, *, Resource: str) -> dict[str, Any]:  # noqa: N803
        """As Lambda does."""
        name = Resource.split(":")[6]
        if name not in self.functions:
            raise client_error("ResourceNotFoundException")
        return {"Tags": self.tags.get(name, {})}

    def get_paginator(self, operation: str) -> FakePaginator:
        """Of the listings: of all functions, and of what belongs to one."""
        rows = {
            "list_functions": "Functions",
            "list_aliases": "Aliases",
            "list_versions_by_function": "Versions",
            "list_provisioned_concurrency_configs": "ProvisionedConcurrencyConfigs",
            "list_function_event_invoke_configs": "FunctionEventInvokeConfigs",
            "list_function_url_configs": "FunctionUrlConfigs",
            "list_event_source_mappings": "EventSourceMappings",
        }[operation]

        def page(FunctionName: str = "") -> dict[str, Any]:  # noqa: N803
            self.before(operation, FunctionName)
            every = operation == "list_functions"
            return {rows: list(self.functions.values()) if every else list(self.listed.get(operation, ()))}

        return FakePaginator(page)

    def create_function(self, *, FunctionName: str, Tags: dict[str, str], **request: Any) -> dict[str, Any]:  # noqa: N803
        """As Lambda does."""
        self.calls.append(("create_function", FunctionName))
        self.before("create_function", FunctionName)
        if FunctionName in self.functions:
            raise client_error("ResourceConflictException", "Function already exist")
        sha256 = self._code_sha256(**request["Code"])
        self.tags[FunctionName] = Tags
        made = self.add(FunctionName, **request, CodeSha256=sha256)
        return {**made, "Version": "1" if request["Publish"] else "$LATEST"}

    def _code_sha256(self, *, ImageUri: str = "", S3Bucket: str = "", S3Key: str = "") -> str:  # noqa: N803
        """Of what is there, whatever its name says; an image's is its digest in hexadecimal."""
        if ImageUri:
            return ImageUri.rpartition("@sha256:")[2]
        if S3Key not in self.s3.objects:
            raise client_error(
                "InvalidParameterValueException",
                "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does "
                "not exist.",
            )
        return base64.b64encode(hashlib.sha256(self.s3.objects[S3Key]).digest()).decode()

    def put_function_concurrency(self, *, FunctionName: str, ReservedConcurrentExecutions: int) -> dict[str, Any]:  # noqa: N803
        """As Lambda does."""
        function = self._called("put_function_concurrency", FunctionName)
        if self.unreserved - ReservedConcurrentExecutions < LEAST_UNRESERVED:
            raise client_error("InvalidParameterValueException", "… below its minimum value of [100].")
        function["_reserved"] = ReservedConcurrentExecutions
        return {"ReservedConcurrentExecutions": ReservedConcurrentExecutions}

    def delete_function(self, *, FunctionName: str) -> None:  # noqa: N803
        """As Lambda does."""
        self._called("delete_function", FunctionName)
        del self.functions[FunctionName]

    def invoke(
        self,
        *,
        FunctionName: str,  # noqa: N803
        LogType: str = "None",  # noqa: N803
        Payload: bytes,  # noqa: N803
        Qualifier: str = "$LATEST",  # noqa: N803
    ) -> dict[str, Any]:
        """As Lambda does: the REPORT line is in the tail."""
        configuration = self._called("invoke", FunctionName)
        request_id = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{FunctionName}{len(self.calls)}"))
        duration_ms = self.duration_ms(configuration["MemorySize"])
        init = ""
        # Calls at once come from a pool's threads: each starts an environment, until three are there.
        at_once = threading.current_thread() is not threading.main_thread()
        starts = at_once and self.started.get(FunctionName, 0) < 3
        if FunctionName in self.cold or starts:
            self.cold.discard(FunctionName)
            self.started[FunctionName] = self.started.get(FunctionName, 0) + 1
            init = "Init Duration: 120.00 ms\t"
        billed_ms = int(duration_ms + (120 if init else 0)) + 1
        if init and Qualifier != "$LATEST":
            init = "Restore Duration: 300.00 ms\tBilled Restore Duration: 40 ms\t"
            billed_ms = int(duration_ms + 40) + 1
        tail = (
            f"START RequestId: {request_id} Version: {Qualifier}\nEND RequestId: {request_id}\n"
            f"REPORT RequestId: {request_id}\tDuration: {duration_ms:.2f} ms\tBilled Duration: {billed_ms} ms\t"
            f"Memory Size: {configuration['MemorySize']} MB\tMax Memory Used: 60 MB\t{init}{self.core_wait}\n"
        )
        return {
            "StatusCode": 200,
            "LogResult": base64.b64encode(tail.encode()).decode(),
            "Payload": io.BytesIO(b"null"),
            "ResponseMetadata": {"RequestId": request_id},
        }


class FakeLogs:
    """A log group that holds what the test puts there: messages of any stream, and those of a stream by their time."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.streams: dict[str, list[tuple[int, str]]] = {}

    def filter_log_events(
        self,
        *,
        logGroupName: str,  # noqa: N803
        startTime: int,  # noqa: N803
        filterPattern: str = "",  # noqa: N803
        logStreamNames: Sequence[str] = (),  # noqa: N803
    ) -> dict[str, Any]:
        """As CloudWatch Logs does."""
        found = [("2026/11/24/[$LATEST]any", startTime, message) for message in self.messages]
        found += [(stream, at_ms, text) for stream, lines in self.streams.items() for at_ms, text in lines]
        return {
            "events": [
                {"logStreamName": stream, "timestamp": at_ms, "message": message}
                for stream, at_ms, message in found
                if at_ms >= startTime
                and (not logStreamNames or stream in logStreamNames)
                and matches_filter(filterPattern, message)
            ]
        }

    def describe_log_groups(self, *, logGroupNamePrefix: str) -> dict[str, Any]:  # noqa: N803
        """As CloudWatch Logs does: one group that has the name, one that begins with it."""
        names = (logGroupNamePrefix, f"{logGroupNamePrefix}-2")
        return {"logGroups": [{"logGroupName": name, "retentionInDays": 30, "storedBytes": 7} for name in names]}


class FakeIam:
    """Roles' policies in a dict, inline all of them; what is not there has none."""

    def __init__(self) -> None:
        self.inline: dict[str, dict[str, Any]] = {
            "logs": {"Statement": {"Effect": "Allow", "Action": "logs:*", "Resource": "*"}}
        }
        self.denies = False

    def get_paginator(self, operation: str) -> FakePaginator:
        """Of the two listings."""

        def page(*, RoleName: str) -> dict[str, Any]:  # noqa: N803
            if self.denies:
                raise client_error("AccessDenied", "no")
            return {"PolicyNames": list(self.inline)} if operation == "list_role_policies" else {"AttachedPolicies": []}

        return FakePaginator(page)

    def get_role_policy(self, *, RoleName: str, PolicyName: str) -> dict[str, Any]:  # noqa: N803
        """As IAM does."""
        return {"PolicyDocument": self.inline[PolicyName]}


class FakeCloudWatch:
    """Metrics that the test puts there: values by statistic, one a period."""

    def __init__(self) -> None:
        self.values: dict[str, list[float]] = {}
        self.before: Callable[[dict[str, Any]], None] = lambda request: None
        """Called before every answer with what was asked; raises what AWS shall answer."""

    def get_paginator(self, _: str) -> FakePaginator:
        """Of ``get_metric_data``."""

        def page(**request: Any) -> dict[str, Any]:
            self.before(request)
            start = request["StartTime"]
            return {
                "MetricDataResults": [
                    {
                        "Id": query["Id"],
                        "Timestamps": [
                            start + timedelta(seconds=index * query["MetricStat"]["Period"])
                            for index, _ in enumerate(self.values.get(query["MetricStat"]["Stat"], []))
                        ],
                        "Values": self.values.get(query["MetricStat"]["Stat"], []),
                        "StatusCode": "Complete",
                    }
                    for query in request["MetricDataQueries"]
                ]
            }

        return FakePaginator(page)
