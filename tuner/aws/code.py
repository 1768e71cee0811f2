"""Copying the target's package into our own bucket, so that a clone's creator never needs its address."""

from __future__ import annotations

import base64
import hashlib
import tempfile
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from http.client import HTTPException
from typing import IO, Any, Protocol
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from tuner.aws.failures import aws_call, error_code
from tuner.core.errors import CloneFailed, FunctionNotTunable, ServiceError
from tuner.core.run.bucket_layout import code_key

_CHUNK_BYTES = 1024 * 1024
_IN_MEMORY_BYTES = 32 * 1024 * 1024
_ATTEMPTS = 3
_GONE = {"NoSuchBucket", "NoSuchKey", "NoSuchVersion", "MethodNotAllowed", "404"}
"""What S3 answers for an object version that is gone; 405 if it is a delete marker."""


class _Body(Protocol):
    def read(self, amount: int, /) -> bytes:
        """As files do."""


_Source = Callable[[], AbstractContextManager[tuple[_Body, int | None]]]
"""Opens a package from its beginning: its bytes, and how many are announced."""


def handed_out(location: str) -> _Source:
    """The package at the pre-signed address that ``GetFunction`` gives; never stored or logged.

    Raises:
        ServiceError: It is not a web address.
    """
    if urlsplit(location).scheme not in {"https", "http"}:
        raise ServiceError("The address that Lambda gave for the function's package is not a web address.")

    @contextmanager
    def opened() -> Iterator[tuple[_Body, int | None]]:
        with urllib.request.urlopen(location, timeout=60) as answer:  # noqa: S310 - the scheme was checked
            announced = answer.headers.get("Content-Length")
            yield answer, None if announced is None else int(announced)

    return opened


def kept_by_its_owner(s3: Any, place: Mapping[str, str]) -> _Source:
    """The package of a function whose code Lambda does not store: an object in a bucket of the function's owner.

    *place* is ``GetFunction``'s ``ResolvedS3Object``.
    """
    name = f"s3://{place['S3Bucket']}/{place['S3Key']}"
    version = {"VersionId": place["S3ObjectVersion"]} if place.get("S3ObjectVersion") else {}

    @contextmanager
    def opened() -> Iterator[tuple[_Body, int | None]]:
        with aws_call("s3:GetObjectVersion" if version else "s3:GetObject", name):
            try:
                answer = s3.get_object(Bucket=place["S3Bucket"], Key=place["S3Key"], **version)
            except ClientError as error:
                if error_code(error) not in _GONE:
                    raise
                raise FunctionNotTunable(
                    f"The function cannot be copied: its code is gone from {name}"
                    + (f", version {version['VersionId']}." if version else "."),
                    hint="Lambda only points to it there (S3ObjectStorageMode REFERENCE), and makes the function "
                    "inactive without it: put the code back and update the function.",
                ) from error
        try:
            yield answer["Body"], answer["ContentLength"]
        except BotoCoreError as error:  # the connection, while it is read
            raise ConnectionError(str(error)) from error

    return opened


def copy_package(s3: Any, bucket: str, source: _Source, code_sha256: str) -> None:
    """Stream a package into our bucket, checking its hash.

    *code_sha256* is what the package must hash to, as ``GetFunctionConfiguration`` gives it.

    Raises:
        CloneFailed: The bytes are not those of the function's version.
        ServiceError: The package could not be fetched.
    """
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES) as package:
        if _fetch(source, package) != code_sha256:
            raise CloneFailed(
                "The hash of the function's package is not the one in its configuration.",
                hint="The function may have just been deployed: start again.",
            )
        package.seek(0)
        key = code_key(code_sha256)
        with aws_call("s3:PutObject", f"s3://{bucket}/{key}"):
            s3.put_object(Bucket=bucket, Key=key, Body=package)


def _fetch(source: _Source, package: IO[bytes]) -> str:
    """Fetch the package into a file and give its hash; a connection that breaks is made anew."""
    for attempt in range(1, _ATTEMPTS + 1):
        digest = hashlib.sha256()
        package.seek(0)
        package.truncate()
        try:
            with source() as (body, announced):
                while chunk := body.read(_CHUNK_BYTES):
                    digest.update(chunk)
                    package.write(chunk)
                # A body that ends early is no error to the library if it is read in parts.
                if announced is not None and package.tell() != announced:
                    raise ConnectionError("the body ended early")
        except (OSError, HTTPException) as error:
            if attempt < _ATTEMPTS:
                continue
            # The address is a credential: only the kind of the failure is told.
            raise ServiceError(
                f"The function's package could not be fetched: {type(error).__name__}.",
                hint="Start again. If it happens again, check the network between Lambda and S3.",
            ) from None
        return base64.b64encode(digest.digest()).decode()
    raise AssertionError("the last attempt returns or raises")
