"""How an init or an invocation ended, and what AWS answers then."""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass

from tuner.embedded.host.model import FunctionSpec, Status
from tuner.embedded.host.runtime_api import LARGEST_RESPONSE_BYTES, Completion
from tuner.embedded.host.worker import Worker


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of it."""

    status: Status
    error_type: str | None
    payload: bytes
    by_platform: bool = True
    """Whether the platform ended it, not the handler by its answer or its exception."""

    @property
    def message(self) -> str:
        """The error's message."""
        return _field(self.payload, "errorMessage", "no message")


def answered(completion: Completion) -> Verdict:
    """The handler answered, or raised."""
    payload = completion.body
    if completion.kind == "error":
        return Verdict("error", _field(payload, "errorType", "Runtime.Unknown"), payload, by_platform=False)
    if len(payload) > LARGEST_RESPONSE_BYTES:
        return failed(
            "Function.ResponseSizeTooLarge",
            f"Response payload size ({len(payload)} bytes) exceeded maximum allowed payload size "
            f"({LARGEST_RESPONSE_BYTES} bytes).",
            by_platform=False,
        )
    return Verdict("success", None, payload, by_platform=False)


def failed(error_type: str, message: str, *, status: Status = "error", by_platform: bool = True) -> Verdict:
    """An error in the words of the platform."""
    payload = json.dumps({"errorType": error_type, "errorMessage": message}, separators=(",", ":")).encode()
    return Verdict(status, error_type, payload, by_platform)


def timed_out(spec: FunctionSpec, request_id: str | None = None) -> Verdict:
    """It took longer than it may."""
    message = f"{_request(request_id)}Error: Task timed out after {spec.timeout_s:.2f} seconds"
    return failed("Sandbox.Timedout", message, status="timeout")


def exited(spec: FunctionSpec, worker: Worker, request_id: str | None = None, *, out_of_memory: bool) -> Verdict:
    """The worker is gone, by itself or by us."""
    code = worker.process.wait()
    if worker.is_storage_full:
        return failed(
            "OSError", f"[Errno 28] No space left on device: /tmp held more than {spec.ephemeral_storage_mb} MB"
        )
    if code == 0:
        reason = "Runtime exited without providing a reason"
    elif code < 0:
        reason = f"Runtime exited with error: signal: {(signal.strsignal(-code) or str(-code)).lower()}"
    else:
        reason = f"Runtime exited with error: exit status {code}"
    verdict = failed("Runtime.ExitError", f"{_request(request_id)}Error: {reason}")
    return Verdict("error", "Runtime.OutOfMemory", verdict.payload) if out_of_memory else verdict


def _request(request_id: str | None) -> str:
    return f"RequestId: {request_id} " if request_id else ""


def _field(payload: bytes, name: str, default: str) -> str:
    try:
        return str(json.loads(payload)[name])
    except (ValueError, KeyError, TypeError):
        return default
