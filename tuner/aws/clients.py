"""boto3 clients as the product uses them: named, bounded, and never retrying a user's function."""

from __future__ import annotations

import os
import socket
import time
from functools import cache
from typing import Any

import boto3
import botocore
from botocore.config import Config

from tuner import __version__

USER_AGENT = f"lambda-tuner/{__version__}"

VERSIONS = {"boto3": boto3.__version__, "botocore": botocore.__version__}
"""For the report: with what AWS was called."""

INVOKE_MARGIN_S = 15
"""How much longer than the function's own timeout a call waits for its answer."""

CALL_WORST_S = 110.0
"""The longest that one of our own calls takes, all attempts and the waits between them: less than any step may."""

_KEEP_ALIVE = (
    (socket.IPPROTO_TCP, getattr(socket, "TCP_KEEPIDLE", 0x10), 60),  # macOS calls it TCP_KEEPALIVE
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 30),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 5),
)
"""Seconds before the first probe and between two, and how many go unanswered before the connection is given up.

NAT gateways and load balancers drop a connection after 350 s without a packet ("Troubleshoot NAT gateways", Amazon VPC
User Guide, seen 2026-11-28). botocore's ``tcp_keepalive`` alone leaves Linux's two hours (boto/botocore#2916).
"""


@cache
def client(service: str, *, read_timeout_s: int = 20, attempts: int = 4) -> Any:
    """A client for one of our own calls: a few retries, waiting at most CALL_WORST_S."""
    return boto3.client(
        service,  # type: ignore[call-overload]
        config=Config(
            user_agent_extra=USER_AGENT,
            connect_timeout=5,
            read_timeout=read_timeout_s,
            retries={"mode": "standard", "total_max_attempts": attempts},
        ),
    )


@cache
def invoke_client(timeout_s: int) -> Any:
    """A Lambda client for ``Invoke`` alone, of functions whose own timeout is *timeout_s*.

    botocore would call the function again after a timeout or an error, with
    its side effects and its price, and hide the latency: here it may not. The
    connection is kept alive however long the function runs, and no call is
    traced: what Lambda samples would run with more work than what it does not.
    """
    client = boto3.client(
        "lambda",
        config=Config(
            user_agent_extra=USER_AGENT,
            connect_timeout=5,
            read_timeout=timeout_s + INVOKE_MARGIN_S,
            retries={"mode": "standard", "total_max_attempts": 1},
            tcp_keepalive=True,
            max_pool_connections=50,
        ),
    )
    # botocore has no public way to say this; a test looks at the options of a real socket.
    client._endpoint.http_session._socket_options.extend(_KEEP_ALIVE)  # type: ignore[attr-defined] # noqa: SLF001
    client.meta.events.register("before-send.lambda.Invoke", _do_not_sample)
    return client


def _do_not_sample(request: Any, **_: Any) -> None:
    """Replace the trace header that botocore, and X-Ray's patch of it, hand on from our own invocation.

    Both add it after what a client can be configured with; this is the last
    event before the request is sent. The header is never part of the signature.
    """
    request.headers["X-Amzn-Trace-Id"] = f"Root=1-{int(time.time()):08x}-{os.urandom(12).hex()};Sampled=0"
