"""Copying the target's package into our own bucket, so that a clone's creator never needs its address."""

from __future__ import annotations

import base64
import hashlib
import tempfile
import urllib.request
from http.client import HTTPException
from typing import IO, Any
from urllib.parse import urlsplit

from tuner.aws.failures import aws_call
from tuner.core.errors import CloneFailed, ServiceError

_CHUNK_BYTES = 1024 * 1024
_IN_MEMORY_BYTES = 32 * 1024 * 1024
_ATTEMPTS = 3


def code_key(code_sha256: str) -> str:
    """The key of a package in our bucket, by the hash that Lambda gives it (base64)."""
    return f"clones/{base64.b64decode(code_sha256).hex()}.zip"


def copy_package(s3: Any, bucket: str, location: str, code_sha256: str) -> None:
    """Stream a package from Lambda's pre-signed address into our bucket, checking its hash.

    Args:
        s3: An S3 client.
        bucket: The artifact bucket.
        location: ``GetFunction``'s pre-signed address; never stored or logged.
        code_sha256: What the package must hash to, as ``GetFunctionConfiguration`` gives it.

    Raises:
        CloneFailed: The bytes are not those of the function's version.
        ServiceError: The address gave no answer.
    """
    if urlsplit(location).scheme not in {"https", "http"}:
        raise ServiceError("Lambda gave an address of the function's package that is not a web address.")
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES) as package:
        if _fetch(location, package) != code_sha256:
            raise CloneFailed(
                "The function's package does not hash to what its configuration says.",
                hint="A deployment may have happened this moment: start again.",
            )
        package.seek(0)
        key = code_key(code_sha256)
        with aws_call("s3:PutObject", f"s3://{bucket}/{key}"):
            s3.put_object(Bucket=bucket, Key=key, Body=package)


def _fetch(location: str, package: IO[bytes]) -> str:
    """Fetch the package into a file and give its hash; a connection that breaks is made anew."""
    for attempt in range(1, _ATTEMPTS + 1):
        digest = hashlib.sha256()
        package.seek(0)
        package.truncate()
        try:
            with urllib.request.urlopen(location, timeout=60) as answer:  # noqa: S310 - the scheme was checked
                while chunk := answer.read(_CHUNK_BYTES):
                    digest.update(chunk)
                    package.write(chunk)
                # A body that ends early is no error to the library where it is read in parts.
                announced = answer.headers.get("Content-Length")
                if announced is not None and package.tell() != int(announced):
                    raise ConnectionError("the body ended early")
        except (OSError, HTTPException) as error:
            if attempt < _ATTEMPTS:
                continue
            # The address is a credential: only the kind of the failure is told.
            raise ServiceError(
                f"The function's package could not be fetched from Lambda: {type(error).__name__}.",
                hint="Start again; if it happens again, the network between Lambda and S3 is disturbed.",
            ) from None
        return base64.b64encode(digest.digest()).decode()
    raise AssertionError("the last attempt returns or raises")
