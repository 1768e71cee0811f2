"""The seam between boto3 and the embedded account: it forwards, answers, drops answers and ends callers."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable, Iterable
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from tests.faults.seam import Answer, Call, connect, connection_lost, open_packages, refusal


class Application:
    """Remembers what was asked and answers each request in the same way."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, bytes]] = []

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Note the request."""
        body = environ["wsgi.input"].read()
        self.asked.append((environ["REQUEST_METHOD"], environ["PATH_INFO"], body))
        start_response("200 OK", [("Content-Type", "text/plain"), ("ETag", '"1"')])
        return [b"content" if environ["REQUEST_METHOD"] == "GET" else b""]


def forwarding(call: Call, forward: Callable[[], Answer]) -> Answer:
    """Let everything pass."""
    return forward()


def s3(application: Application, seam: Any, *, attempts: int = 1) -> Any:
    """A client of S3 that talks to the application."""
    made = boto3.client(
        "s3",
        region_name="us-east-1",
        endpoint_url="http://127.0.0.1:9",
        aws_access_key_id="a",
        aws_secret_access_key="b",
        config=Config(retries={"total_max_attempts": attempts, "mode": "standard"}),
    )
    return connect(made, application, seam)


def test_requests_and_answers_pass() -> None:
    """Method, path, body and headers arrive as they do over HTTP; nobody listens at the address."""
    application = Application()
    client = s3(application, forwarding)
    client.put_object(Bucket="bucket", Key="a key", Body=b"bytes")
    answer = client.get_object(Bucket="bucket", Key="a key")
    assert (answer["Body"].read(), answer["ETag"]) == (b"content", '"1"')
    assert [(method, path) for method, path, _ in application.asked] == [
        ("PUT", "/bucket/a key"),
        ("GET", "/bucket/a key"),
    ]
    assert b"bytes" in application.asked[0][2]


def test_a_call_is_seen_before_it_takes_effect() -> None:
    """What stands in the seam knows service, operation and body, and may keep the call back."""
    application, seen = Application(), []

    def seam(call: Call, forward: Callable[[], Answer]) -> Answer:
        seen.append((call.service, call.operation, call.attempt))
        return refusal(call, 403, "AccessDenied", "not for you")

    with pytest.raises(ClientError, match="not for you"):
        s3(application, seam).delete_object(Bucket="bucket", Key="key")
    assert seen == [("s3", "DeleteObject", 1)]
    assert application.asked == []


def test_a_lost_answer_is_repeated_by_botocore(monkeypatch: pytest.MonkeyPatch) -> None:
    """The call took effect each time; botocore counts its attempts, and at last says that the connection ended."""
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    application, attempts = Application(), []

    def seam(call: Call, forward: Callable[[], Answer]) -> Answer:
        attempts.append(call.attempt)
        forward()
        raise connection_lost(call)

    with pytest.raises(ConnectionClosedError):
        s3(application, seam, attempts=3).get_object(Bucket="bucket", Key="key")
    assert attempts == [1, 2, 3]
    assert len(application.asked) == 3


def test_a_caller_can_be_ended_at_the_call() -> None:
    """No ``except Exception`` of the caller, nor botocore's own, keeps it."""

    class Ended(BaseException):
        pass

    def seam(call: Call, forward: Callable[[], Answer]) -> Answer:
        raise Ended

    with pytest.raises(Ended):
        s3(Application(), seam, attempts=3).get_object(Bucket="bucket", Key="key")


def test_packages_come_through_the_seam_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """``urllib`` fetches from the application; an error's status is an error there as well."""
    monkeypatch.setattr(urllib.request, "_opener", None)
    seen: list[Call] = []

    def seam(call: Call, forward: Callable[[], Answer]) -> Answer:
        seen.append(call)
        return forward() if len(seen) == 1 else refusal(call, 503, "SlowDown", "later")

    open_packages(Application(), seam)
    with urllib.request.urlopen("http://127.0.0.1:9/code.zip") as answer:
        assert (answer.length, answer.read()) == (7, b"content")
    with pytest.raises(OSError, match="503"):
        urllib.request.urlopen("http://127.0.0.1:9/code.zip")
    assert {call.service for call in seen} == {"package"}


@pytest.mark.parametrize(
    ("service", "body"),
    [
        ("lambda", b'{"message": "why"}'),
        ("s3", b"<Error><Code>Wrong</Code><Message>why</Message></Error>"),
        ("iam", b"<ErrorResponse><Error><Code>Wrong</Code><Message>why</Message></Error></ErrorResponse>"),
    ],
)
def test_refusals_are_in_the_services_own_words(service: str, body: bytes) -> None:
    """XML of S3 and IAM, JSON of the others."""
    assert refusal(Call(service, "Anything", "http://127.0.0.1:9/", 1, {}), 400, "Wrong", "why").body == body
