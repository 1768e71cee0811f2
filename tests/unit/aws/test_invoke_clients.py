"""Clients that invoke functions: one answer, waited for as long as it may take, never asked for twice, never traced."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import botocore.client
import botocore.endpoint
import pytest
import urllib3.util.connection
from aws_xray_sdk import global_sdk_config
from aws_xray_sdk.core import xray_recorder

from tuner.aws.clients import invoke_client
from tuner.core.function.target import PROCESSOR_TIMEOUT_S

OURS = "Root=1-66666666-111111111111111111111111;Parent=2222222222222222;Sampled=1"


def test_measuring_waits_for_functions_and_processors_by_their_own_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The function's timeout and a margin; a processor's limit, whatever the function's is; no retries."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("TUNER_CLONE_LOG_GROUP", "/lambda-tuner/clones")
    monkeypatch.setenv("POWERTOOLS_TRACE_DISABLED", "1")
    from tuner.handlers.measure import _invoker

    invoker = _invoker(3)
    for client, wait_s in ((invoker._lambda, 18), (invoker._processors, PROCESSOR_TIMEOUT_S)):
        assert client.meta.config.read_timeout == wait_s
        assert client.meta.config.retries["total_max_attempts"] == 1


@pytest.fixture
def trace_headers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[list[str]]]:
    """A Lambda on loopback that answers every call; gives the trace headers of each."""
    seen: list[list[str]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            seen.append(self.headers.get_all("X-Amzn-Trace-Id", []))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        invoke_client.cache_clear()
        yield seen
        invoke_client.cache_clear()
        server.shutdown()


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process is an invocation that X-Ray samples, and botocore is patched as the deployed product's is."""
    from aws_xray_sdk.ext.botocore.patch import patch

    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "lambda-tuner-measure")
    monkeypatch.setenv("_X_AMZN_TRACE_ID", OURS)
    for owner, name in (
        (botocore.client.BaseClient, "_make_api_call"),
        (botocore.endpoint.Endpoint, "prepare_request"),
    ):
        monkeypatch.setattr(owner, name, getattr(owner, name))  # to be what it was afterwards
    monkeypatch.delattr(botocore.client, "_xray_enabled", raising=False)
    patch()
    was_enabled = global_sdk_config.sdk_enabled()  # Powertools switches it off where tracing is disabled
    global_sdk_config.set_sdk_enabled(True)
    xray_recorder.begin_segment("measure", traceid="1-66666666-111111111111111111111111", sampling=1)
    yield
    xray_recorder.clear_trace_entities()
    global_sdk_config.set_sdk_enabled(was_enabled)
    del botocore.client._xray_enabled  # type: ignore[attr-defined]


@pytest.mark.usefixtures("traced")
def test_no_invocation_of_a_copy_is_sampled(trace_headers: list[list[str]]) -> None:
    """One header on the wire, each time with a trace of its own, in the thread of the step and in those of its pool."""
    client = invoke_client(3)
    client.invoke(FunctionName="copy")
    in_a_pool = threading.Thread(target=client.invoke, kwargs={"FunctionName": "copy"})
    in_a_pool.start()
    in_a_pool.join()
    assert [len(headers) for headers in trace_headers] == [1, 1]
    (first,), (second,) = trace_headers
    for header in (first, second):
        assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24};Sampled=0", header)
    assert first != second


@pytest.mark.usefixtures("traced")
def test_our_own_trace_would_be_handed_on(trace_headers: list[list[str]]) -> None:
    """A plain client sends what the test above must not see: without it, that one could not fail."""
    from boto3 import client

    client("lambda").invoke(FunctionName="copy")
    assert "Sampled=1" in trace_headers[0][-1]


@pytest.mark.usefixtures("trace_headers")
def test_the_socket_that_waits_is_kept_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system itself says so of the connection: the first probe goes out well before 350 s have passed."""
    sockets: list[socket.socket] = []
    connect = urllib3.util.connection.create_connection

    def note(*arguments: object, **options: object) -> socket.socket:
        sockets.append(connect(*arguments, **options))  # type: ignore[arg-type]
        return sockets[-1]

    monkeypatch.setattr(urllib3.util.connection, "create_connection", note)
    answer = invoke_client(3).invoke(FunctionName="copy")
    (connection,) = sockets
    idle = getattr(socket, "TCP_KEEPIDLE", 0x10)  # macOS calls it TCP_KEEPALIVE
    idle_s, between_s, count = (
        connection.getsockopt(socket.IPPROTO_TCP, option) for option in (idle, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
    )
    assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert 0 < idle_s < 350
    assert idle_s + between_s * count < 350
    answer["Payload"].close()
