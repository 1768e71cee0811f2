"""The function's package is copied once, whole, with its hash checked, and its address is told to nobody."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.unit.steps.conftest import FakeRun
from tuner.core.errors import CloneFailed, ServiceError
from tuner.core.run.bucket_layout import code_key
from tuner.steps.copy_code import copy_code

PACKAGE = b"code" * 700_000
"""More than one chunk."""


class Lambda:
    """What stands at the address that Lambda gives: the package, as often as it is asked for."""

    def __init__(self) -> None:
        self.asked = 0
        self.cut_off = 0
        """So many answers end in the middle."""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked += 1
                self.send_response(200)
                self.send_header("Content-Length", str(len(PACKAGE)))
                self.end_headers()
                self.wfile.write(PACKAGE[: len(PACKAGE) // 2] if outer.asked <= outer.cut_off else PACKAGE)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}/package?X-Amz-Signature=secret"


@pytest.fixture
def place() -> Iterator[Lambda]:
    """A server on this machine alone."""
    place = Lambda()
    thread = threading.Thread(target=place.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield place
    place.server.shutdown()
    place.server.server_close()
    thread.join()


@pytest.fixture
def planned(run: FakeRun, place: Lambda) -> FakeRun:
    """A planned run whose package is not copied yet."""
    hash_ = base64.b64encode(hashlib.sha256(PACKAGE).digest()).decode()
    run.aws.functions["theirs"]["CodeSha256"] = hash_
    run.plan()
    del run.s3.objects[code_key(hash_)]
    answer(run, {"Location": place.address})
    return run


def answer(run: FakeRun, code: dict[str, Any]) -> None:
    """Let GetFunction give this code section."""
    run.aws.get_function = lambda **_: {"Code": code}  # type: ignore[method-assign]


def copied(run: FakeRun) -> bool:
    """Run the step now."""
    return copy_code(run.artifacts, run.reader, run.s3, now=run.s3.now)


def stored(run: FakeRun) -> list[bytes]:
    """What is kept of packages."""
    return [body for key, body in run.s3.objects.items() if key.startswith("clones/")]


def test_package_is_copied_once(planned: FakeRun, place: Lambda) -> None:
    """Byte for byte, and not again where it is there."""
    assert copied(planned)
    assert stored(planned) == [PACKAGE]
    assert not copied(planned)
    assert place.asked == 1


def test_broken_connection_is_made_anew(planned: FakeRun, place: Lambda) -> None:
    """Half a package is fetched again from its beginning."""
    place.cut_off = 2
    assert copied(planned)
    assert stored(planned) == [PACKAGE]


def test_package_that_cannot_be_fetched_says_so_without_the_address(planned: FakeRun, place: Lambda) -> None:
    """The address is a credential: the sentence names the kind of the failure alone."""
    place.cut_off = 99
    with pytest.raises(ServiceError, match="could not be fetched") as raised:
        copied(planned)
    assert "127.0.0.1" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert (place.asked, stored(planned)) == (3, [])


def test_package_of_another_version_is_not_kept(run: FakeRun, place: Lambda) -> None:
    """A deployment between plan and copy: no copy is ever made of code that was not planned."""
    run.plan()
    run.s3.objects = {key: body for key, body in run.s3.objects.items() if not key.startswith("clones/")}
    answer(run, {"Location": place.address})
    with pytest.raises(CloneFailed, match=r"The hash of the function.s package is not"):
        copied(run)
    assert stored(run) == []


@pytest.mark.parametrize("location", ["file:///etc/hostname", "ftp://127.0.0.1/x", "data:,x"])
def test_address_of_another_kind_is_not_opened(planned: FakeRun, location: str) -> None:
    """A file of ours is not what Lambda hands out."""
    answer(planned, {"Location": location})
    with pytest.raises(ServiceError, match="not a web address"):
        copied(planned)


def test_package_that_lambda_does_not_hand_out_says_why(planned: FakeRun) -> None:
    """A key that this role may not use is named by Lambda's own words."""
    answer(planned, {"Error": {"ErrorCode": "KMSAccessDenied", "Message": "access to the KMS key is denied"}})
    with pytest.raises(CloneFailed, match="access to the KMS key is denied") as raised:
        copied(planned)
    assert "allow the copy-code role" in raised.value.hint


def test_image_is_not_copied(run: FakeRun) -> None:
    """A container image stays in its repository, and is taken by its digest."""
    run.aws.functions["theirs"]["PackageType"] = "Image"
    run.plan()
    run.s3.objects = {key: body for key, body in run.s3.objects.items() if not key.startswith("clones/")}
    assert not copied(run)
    assert stored(run) == []
