"""One call of a handler in a process of its own: ``python -m tests.infrastructure.handler_process FOLDER HANDLER``.

The folder holds the bucket's objects, what Lambda knows (``lambda.pickle``) and
the event. What the call took is printed as JSON. Nothing is imported that the
deployed function would not have, but for the stand-in of AWS.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import pickle
import re
import resource
import shutil
import sys
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from tests.unit.steps.fakes import (
    ACCOUNT,
    REGION,
    FakeCloudWatch,
    FakeIam,
    FakeLambda,
    FakeLogs,
    FakePaginator,
    FakeS3,
    client_error,
)


class Folder(MutableMapping[str, bytes]):
    """A bucket's objects in files, so that they take no memory of the handler's process."""

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(exist_ok=True)

    def path(self, key: str) -> Path:
        """Where an object is."""
        return self._root / quote(key, safe="")

    def __getitem__(self, key: str) -> bytes:
        if not self.path(key).exists():
            raise KeyError(key)
        return self.path(key).read_bytes()

    def __contains__(self, key: object) -> bool:
        return self.path(str(key)).exists()

    def __setitem__(self, key: str, body: bytes) -> None:
        self.path(key).write_bytes(body)

    def __delitem__(self, key: str) -> None:
        self.path(key).unlink()

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(unquote(path.name) for path in self._root.iterdir()))

    def __len__(self) -> int:
        return sum(1 for _ in self)


class _FileS3(FakeS3):
    """Reads and writes objects in parts, as boto3 does."""

    objects: Folder  # type: ignore[assignment]

    def get_object(
        self,
        *,
        Bucket: str,  # noqa: N803
        Key: str,  # noqa: N803
        Range: str = "bytes=0-",  # noqa: N803
        VersionId: str = "",  # noqa: N803
    ) -> dict[str, Any]:
        """As S3 does."""
        if Key not in self.objects:
            raise client_error("NoSuchKey")
        first, _, last = Range.removeprefix("bytes=").partition("-")
        with self.objects.path(Key).open("rb") as file:
            file.seek(int(first))
            body = file.read(int(last) + 1 - int(first) if last else -1)
        return {"Body": io.BytesIO(body), "ETag": self._tag(Key)}

    def put_object(self, *, Body: Any, Key: str, **request: Any) -> dict[str, Any]:  # noqa: N803
        """As S3 does."""
        if isinstance(Body, bytes):
            return super().put_object(Body=Body, Key=Key, **request)
        with self.objects.path(Key).open("wb") as file:
            shutil.copyfileobj(Body, file)
        return {"ETag": self._tag(Key)}

    def _tag(self, key: str) -> str:
        about = self.objects.path(key).stat()
        return f'"{about.st_mtime_ns}-{about.st_size}"'


class _StepFunctions:
    """Starts nothing."""

    def start_execution(self, **_: Any) -> None:
        """As Step Functions does."""


class _Tagging:
    """The tagging API: so many functions that are tuned at night."""

    def get_paginator(self, _: str) -> FakePaginator:
        tags = [
            {"Key": "lambda-tuner", "Value": "enabled"},
            {"Key": "lambda-tuner:goal", "Value": "p95=300ms"},
            {"Key": "lambda-tuner:payload", "Value": f"s3://bucket/payloads/{'x' * 40}.json"},
        ]
        arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{'a' * 40}"
        rows = [{"ResourceARN": f"{arn}-{number:04d}", "Tags": tags} for number in range(300)]
        return FakePaginator(lambda **_: {"ResourceTagMappingList": rows})


class _Context:
    """What Lambda hands to a handler."""

    function_name = "lambda-tuner-step"
    memory_limit_in_mb = 1024
    aws_request_id = "0"
    invoked_function_arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:lambda-tuner-step"

    def get_remaining_time_in_millis(self) -> int:
        return 300_000


def main() -> None:
    """Run the handler once."""
    folder, handler = Path(sys.argv[1]), sys.argv[2]
    import boto3

    from tuner.aws import clients

    for service in ("s3", "lambda", "logs"):
        boto3.client(service, region_name=REGION)  # its model is in memory on Lambda too
    s3, aws = _FileS3(), FakeLambda()
    s3.objects = Folder(folder / "objects")
    aws.s3 = s3
    state = folder / "lambda.pickle"
    aws.functions, aws.tags, aws.cold, aws.started = pickle.loads(state.read_bytes())
    others: dict[str, Any] = {
        "s3": s3,
        "lambda": aws,
        "logs": FakeLogs(),
        "iam": FakeIam(),
        "cloudwatch": FakeCloudWatch(),
    }
    others |= {"resourcegroupstaggingapi": _Tagging(), "stepfunctions": _StepFunctions()}
    if "package-address" in s3.objects:
        address = s3.objects["package-address"].decode()
        aws.get_function = lambda **_: {"Code": {"Location": address}}  # type: ignore[method-assign]
    if "large-answers" in s3.objects:
        invoke, answered = aws.invoke, bytes(6 * 2**20)
        aws.invoke = lambda **request: {**invoke(**request), "Payload": io.BytesIO(answered)}  # type: ignore[method-assign]
    clients.client = lambda service, **_: others[service]  # type: ignore[assignment]
    clients.invoke_client = lambda _: aws  # type: ignore[assignment]
    event = json.loads((folder / "event.json").read_text())
    printed, sys.stdout = sys.stdout, io.StringIO()
    answer: Any = importlib.import_module(f"tuner.handlers.{handler}").handler(event, _Context())
    sys.stdout = printed
    state.write_bytes(pickle.dumps((aws.functions, aws.tags, aws.cold, aws.started)))
    used = resource.getrusage(resource.RUSAGE_SELF)
    # The kernel's high-water mark of this program; getrusage's is also that of the one that started it.
    peak_kb = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    print(
        json.dumps(
            {
                "peak_mb": (int(peak_kb[1]) if peak_kb else used.ru_maxrss) / 1024,
                "cpu_s": used.ru_utime + used.ru_stime,
                "answer_bytes": len(json.dumps(answer, separators=(",", ":"))),
                "answer": answer,
            }
        )
    )


if __name__ == "__main__":
    os.environ.setdefault("AWS_DEFAULT_REGION", REGION)
    main()
