"""What moto calls where it would have called Docker, or nobody."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tuner.embedded.host.model import InvocationResult


@dataclass(frozen=True)
class Hooks:
    """What moto calls where it would have called Docker, or nobody."""

    invoke: Callable[[Any, bytes, str | None, str | None], InvocationResult]
    """Run a function version (moto's record, payload, client context, X-Ray's header)."""
    retire: Callable[[str], None]
    """End the execution environments of a function's ARN."""
    store_code: Callable[[bytes], str]
    """Keep a deployment package outside memory."""
    code_url: Callable[[str], str]
    """Give the address from which a package (hexadecimal SHA-256) can be downloaded."""
    memory_cap_mb: int
    """The largest memory size of a function that is not one of ours."""
    is_own_function: Callable[[str], bool]
    clients: Callable[[str], Any]
    """Give the interpreter of state machines a boto3 client of a service, for threads to share."""
    deliver: Callable[[Mapping[str, Any], Mapping[str, Any]], None]
    """Bring an event to an EventBridge target (target, event)."""
    object_written: Callable[[Any], None]
    """An S3 object was put (moto's record)."""
    object_deleted: Callable[[str, str], None]
    """An S3 object was deleted (bucket, key)."""
    deleted: Callable[[str], None] = lambda arn: None
    """A function's ARN, or a version's, is no more."""
    take_snapshot: Callable[[Any], str | None] | None = None
    """Make the init of a published version with SnapStart (moto's record); why it failed, or ``None``.

    Without this hook such a version is active at once.
    """
