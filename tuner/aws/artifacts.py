"""The artifact bucket: everything of a run that grows, and what the next run starts from."""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

from botocore.exceptions import ClientError

from tuner.aws.failures import aws_call, error_code
from tuner.core.errors import ChangedMeanwhile, RunNotFound
from tuner.core.run.bucket_layout import run_key
from tuner.core.run.run_id import check_run_id

Value = TypeVar("Value")

_ABSENT = {"NoSuchKey", "404", "NotFound"}
_CHANGED = {"PreconditionFailed", "412", "ConditionalRequestConflict", "409"}
_REWRITE_ATTEMPTS = 5
_CONTENT_TYPES = {
    "json": "application/json",
    "html": "text/html; charset=utf-8",
    "svg": "image/svg+xml",
    "md": "text/markdown; charset=utf-8",
    "log": "application/x-ndjson",
}


_CONSOLES = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}
"""The console's host in each partition ("AWS Management Console endpoints", AWS General Reference; seen 2026-11-28)."""


class Artifacts:
    """Objects of the artifact bucket, by key.

    Args:
        s3: A client of the bucket's Region.
        bucket: Its name.
        folder: Where the embedded AWS keeps the bucket; ``None`` in an account.
    """

    def __init__(self, s3: Any, bucket: str, *, folder: Path | None = None) -> None:
        self._s3 = s3
        self.name = bucket
        self._folder = folder

    def uri(self, key: str) -> str:
        """The object's ``s3://`` address."""
        return f"s3://{self.name}/{key}"

    def place(self, key: str) -> str:
        """Where a reader finds the object: its file where the bucket is a folder, else its ``s3://`` address."""
        return self.uri(key) if self._folder is None else str(self._folder / key)

    def console_url(self, key: str) -> str | None:
        """The object's page in the S3 console; ``None`` if the bucket is a folder or the console unknown."""
        console = _CONSOLES.get(self._s3.meta.partition) if self._folder is None else None
        if console is None:
            return None
        region = self._s3.meta.region_name
        asked = urlencode({"region": region, "prefix": key}, safe="/")
        return f"https://{region}.{console}/s3/object/{self.name}?{asked}"

    def presigned_url(self, key: str, *, holds_s: int) -> str:
        """A link that opens the object for everybody who has it, as long as the credentials that sign it hold."""
        asked = {"Bucket": self.name, "Key": key}
        return str(self._s3.generate_presigned_url("get_object", Params=asked, ExpiresIn=holds_s))

    def in_bucket(self, bucket: str) -> Artifacts:
        """The same adapter on another bucket, such as the one that a payload lies in."""
        return Artifacts(self._s3, bucket)

    def read(self, key: str, *, part: tuple[int, int] | None = None, most_bytes: int | None = None) -> bytes | None:
        """The object's bytes, or a part of them by its start and size; ``None`` if there is no such object."""
        return self.read_tagged(key, part=part, most_bytes=most_bytes)[0]

    def read_tagged(
        self, key: str, *, part: tuple[int, int] | None = None, most_bytes: int | None = None
    ) -> tuple[bytes | None, str | None]:
        """The object's bytes and its entity tag; both ``None`` if there is no such object."""
        asked = {} if part is None else {"Range": f"bytes={part[0]}-{sum(part) - 1}"}
        with aws_call("s3:GetObject", self.uri(key)):
            try:
                answer = self._s3.get_object(Bucket=self.name, Key=key, **asked)
            except ClientError as error:
                if error_code(error) in _ABSENT:
                    return None, None
                raise
            return answer["Body"].read(most_bytes), answer["ETag"]

    def write(self, key: str, body: bytes) -> None:
        """Write an object, over what was there."""
        with aws_call("s3:PutObject", self.uri(key)):
            self._s3.put_object(Bucket=self.name, Key=key, Body=body, **_content_type(key))

    def write_unchanged(self, key: str, body: bytes, entity_tag: str | None) -> None:
        """Write an object only if it still is what was read.

        *entity_tag* is as ``read_tagged`` gave it; ``None``: there was none.

        Raises:
            ChangedMeanwhile: Somebody else wrote it since.
        """
        condition = {"IfNoneMatch": "*"} if entity_tag is None else {"IfMatch": entity_tag}
        with aws_call("s3:PutObject", self.uri(key)):
            try:
                self._s3.put_object(Bucket=self.name, Key=key, Body=body, **condition, **_content_type(key))
            except ClientError as error:
                if error_code(error) in _CHANGED:
                    raise ChangedMeanwhile(
                        f"Another execution changed {self.uri(key)} after this one had read it.",
                        hint="Nothing was overwritten. Start again.",
                    ) from error
                raise

    def rewrite(self, key: str, change: Callable[[bytes | None], tuple[bytes, Value]]) -> Value:
        """Change an object that others may change too: what they wrote in the meantime is read, and changed in turn.

        *change* gives the new content for what is there (``None``: nothing), and what it stands for, which is
        returned. It may be called several times.

        Raises:
            ChangedMeanwhile: Others kept changing it.
        """
        for attempt in range(_REWRITE_ATTEMPTS):
            body, entity_tag = self.read_tagged(key)
            content, value = change(body)
            try:
                self.write_unchanged(key, content, entity_tag)
            except ChangedMeanwhile:
                if attempt + 1 == _REWRITE_ATTEMPTS:
                    raise
            else:
                break
        return value

    def delete(self, key: str) -> None:
        """Delete an object; one that is not there is fine."""
        with aws_call("s3:DeleteObject", self.uri(key)):
            self._s3.delete_object(Bucket=self.name, Key=key)

    def exists(self, key: str) -> bool:
        """Whether there is such an object."""
        return self.written_at(key) is not None

    def written_at(self, key: str) -> datetime | None:
        """When the object was last written, in UTC; ``None`` if there is no such object."""
        with aws_call("s3:GetObject", self.uri(key)):
            try:
                written_at: datetime = self._s3.head_object(Bucket=self.name, Key=key)["LastModified"]
            except ClientError as error:
                if error_code(error) in _ABSENT:
                    return None
                raise
        return written_at

    def keys(self, prefix: str) -> Iterator[str]:
        """Every key that begins so, in order."""
        with aws_call("s3:ListBucket", self.uri(prefix)):
            for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix):
                for row in page.get("Contents", ()):
                    yield row["Key"]

    def latest_keys(self, prefix: str, count: int) -> list[str]:
        """The *count* keys that begin so and were written last, latest first."""
        with aws_call("s3:ListBucket", self.uri(prefix)):
            pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
            written = [(row["LastModified"], row["Key"]) for page in pages for row in page.get("Contents", ())]
        return [key for _, key in heapq.nlargest(count, written)]

    def read_json(self, key: str) -> Any | None:
        """The object as JSON; ``None`` if there is no such object."""
        body = self.read(key)
        return None if body is None else json.loads(body)

    def write_json(self, key: str, value: Any) -> None:
        """Write a value as JSON."""
        self.write(key, json.dumps(value, ensure_ascii=False, allow_nan=False).encode())


class RunArtifacts:
    """The objects of one run, under ``runs/<run id>/``.

    Raises:
        RunNotFound: No run can have this id.
    """

    def __init__(self, bucket: Artifacts, run_id: str) -> None:
        self.bucket = bucket
        self.run_id = check_run_id(run_id)

    def key(self, name: str) -> str:
        """The full key of one of the run's objects."""
        return run_key(self.run_id, name)

    def uri(self, name: str) -> str:
        """The ``s3://`` address of one of the run's objects."""
        return self.bucket.uri(self.key(name))

    def place(self, name: str) -> str:
        """Where a reader finds one of the run's objects: a file on this machine, or an ``s3://`` address."""
        return self.bucket.place(self.key(name))

    def console_url(self, name: str) -> str | None:
        """One of the run's objects in the S3 console; ``None`` if it is a file, or the console is not known."""
        return self.bucket.console_url(self.key(name))

    def read(self, name: str) -> Any:
        """One of the run's JSON objects.

        Raises:
            RunNotFound: The run has no such object.
        """
        value = self.find(name)
        if value is None:
            raise RunNotFound(
                f"Run {self.run_id} has no {name} in {self.bucket.name}.",
                hint="`lambda-tuner list` shows all runs.",
            )
        return value

    def find(self, name: str) -> Any | None:
        """One of the run's JSON objects, or ``None``."""
        return self.bucket.read_json(self.key(name))

    def write(self, name: str, value: Any) -> None:
        """Write one of the run's JSON objects."""
        self.bucket.write_json(self.key(name), value)

    def write_text(self, name: str, text: str) -> None:
        """Write one of the run's text objects."""
        self.bucket.write(self.key(name), text.encode())

    def names(self, prefix: str) -> list[str]:
        """Names of the run's objects that begin so, in order."""
        start = len(self.key(""))
        return [key[start:] for key in self.bucket.keys(self.key(prefix))]


def _content_type(key: str) -> dict[str, str]:
    kind = _CONTENT_TYPES.get(key.rsplit(".", 1)[-1])
    return {"ContentType": kind} if kind else {}
