"""boto3 clients as the product uses them: named, bounded, and never retrying a user's function."""

from __future__ import annotations

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
"""How much longer than the function's own time-out a call waits for its answer."""

CALL_WORST_S = 110.0
"""The longest that one of our own calls takes, all attempts and the waits between them: less than any step may."""


@cache
def client(service: str, *, read_timeout_s: int = 20, attempts: int = 4) -> Any:
    """A client for one of our own calls: a few retries, a bounded wait of CALL_WORST_S at the most."""
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
    """A Lambda client for ``Invoke`` alone.

    botocore would call the function again after a time-out or an error, with
    its side effects and its price, and hide the latency: here it may not.

    Args:
        timeout_s: The invoked function's own time-out.
    """
    return boto3.client(
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
