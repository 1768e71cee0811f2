"""The one seam between code and the embedded account: every AWS call passes it, and may be made to fail there.

``connect`` lets a boto3 client talk to the account's WSGI application in the
same process, without sockets. What stands in the seam sees each call with
its caller, and forwards it, answers in its place, drops the answer, or ends
the caller at this very point. Least privilege and the fault matrix are both
tried through it.
"""

from __future__ import annotations

import io
import json
import urllib.request
import urllib.response
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from email.message import Message
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ConnectionClosedError

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an AWS API, before it takes effect."""

    service: str
    """As boto3 names it: ``lambda``, ``s3``; ``package`` for the download of a function's code."""
    operation: str
    """``CreateFunction``."""
    url: str
    attempt: int
    """1 at first; botocore's own repetitions count on."""
    headers: dict[str, str]
    method: str = "GET"
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call brought."""

    status: int
    headers: dict[str, str]
    body: bytes


class Seam(Protocol):
    """What stands between a caller and the account."""

    def __call__(self, call: Call, forward: Callable[[], Answer]) -> Answer:
        """Answer a call: usually with what ``forward`` gives."""


def refusal(call: Call, status: int, code: str, message: str) -> Answer:
    """Word an error as the service of a call would: XML of S3 and IAM, JSON of the others.

    Example:
        >>> call = Call("lambda", "DeleteFunction", "http://127.0.0.1/", 1, {})
        >>> refusal(call, 429, "TooManyRequestsException", "Rate exceeded").body
        b'{"message": "Rate exceeded"}'
    """
    if call.service == "iam":
        body = f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>".encode()
        return Answer(status, {"content-type": "text/xml"}, body)
    if call.service in ("s3", "package"):
        body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
        return Answer(status, {"content-type": "application/xml"}, body)
    named = {"__type": code} if call.headers.get("X-Amz-Target") else {}
    body = json.dumps({**named, "message": message}).encode()
    return Answer(status, {"content-type": "application/json", "x-amzn-errortype": code}, body)


def connection_lost(call: Call) -> ConnectionClosedError:
    """Make the error of a connection that ended before the answer came."""
    return ConnectionClosedError(endpoint_url=call.url)


def connect(client: Any, application: Wsgi, seam: Seam) -> Any:
    """Send what a boto3 client asks to an application of this process, through a seam; returns the client."""
    service = client.meta.service_model.service_name

    def send(event_name: str, request: Any, **_: Any) -> AWSResponse:
        headers = {name: _text(value) for name, value in request.headers.items()}
        call = Call(
            service=service,
            operation=event_name.rsplit(".", 1)[-1],
            url=request.url,
            attempt=_attempt(headers.get("amz-sdk-request", "")),
            headers=headers,
            method=request.method,
            body=_bytes(request.body),
        )
        answer = seam(call, lambda: ask(application, call))
        return AWSResponse(request.url, answer.status, _headers(answer.headers), _Raw(answer.body))

    client.meta.events.register("before-send.*", send)
    return client


def open_packages(application: Wsgi, seam: Seam) -> None:
    """Let ``urllib`` fetch from the application, through a seam, what lies at plain HTTP addresses."""

    class Opener(urllib.request.HTTPHandler):
        def http_open(self, request: urllib.request.Request) -> Any:
            call = Call("package", "Download", request.full_url, 1, dict(request.headers))
            answer = seam(call, lambda: ask(application, call))
            message = Message()
            for name, value in answer.headers.items():
                message[name] = value
            response: Any = urllib.response.addinfourl(
                io.BytesIO(answer.body), message, request.full_url, answer.status
            )
            response.msg, response.length = "answered", len(answer.body)  # as http.client's answers have them
            return response

    urllib.request.install_opener(urllib.request.build_opener(urllib.request.ProxyHandler({}), Opener))


def ask(application: Wsgi, call: Call) -> Answer:
    """Put a call to a WSGI application as an HTTP request, and collect its answer."""
    parts = urlsplit(call.url)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": call.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(parts.path).encode().decode("latin-1"),
        "RAW_URI": f"{parts.path}?{parts.query}" if parts.query else parts.path,
        "REQUEST_URI": f"{parts.path}?{parts.query}" if parts.query else parts.path,
        "QUERY_STRING": parts.query,
        "SERVER_NAME": parts.hostname or "127.0.0.1",
        "SERVER_PORT": str(parts.port or 80),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": parts.netloc,
        "CONTENT_LENGTH": str(len(call.body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": parts.scheme,
        "wsgi.input": io.BytesIO(call.body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in call.headers.items():
        key = name.upper().replace("-", "_")
        if key == "CONTENT_TYPE":
            environ[key] = value
        elif key not in ("CONTENT_LENGTH", "HOST", "TRANSFER_ENCODING"):
            environ[f"HTTP_{key}"] = value
    started: list[Any] = []

    def start_response(status: str, fields: list[tuple[str, str]], _: Any = None) -> None:
        started.append((status, fields))

    chunks = application(environ, start_response)
    try:
        content = b"".join(chunks)
    finally:
        close = getattr(chunks, "close", None)
        if close:
            close()
    status, fields = started[0]
    return Answer(int(status.split(" ", 1)[0]), {name.lower(): value for name, value in fields}, content)


class _Raw(io.BytesIO):
    """A body as urllib3 would hand it to botocore."""

    def stream(self, amt: int = 65536, decode_content: bool | None = None) -> Iterable[bytes]:
        while chunk := self.read(amt):
            yield chunk


def _headers(fields: dict[str, str]) -> HTTPHeaders:
    headers = HTTPHeaders()
    for name, value in fields.items():
        headers[name] = value
    return headers


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _bytes(body: Any) -> bytes:
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    return bytes(body) if isinstance(body, bytes | bytearray) else bytes(body.read())


def _attempt(header: str) -> int:
    for part in header.split(";"):
        name, _, value = part.strip().partition("=")
        if name == "attempt":
            return int(value)
    return 1
