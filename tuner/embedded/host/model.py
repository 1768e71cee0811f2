"""What the host is asked and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tuner.core.aws_limits import ONE_VCPU_MB
from tuner.embedded.runtimes.python import PYTHON
from tuner.embedded.runtimes.runtime import Runtime

LogLine = tuple[int, str]
"""Milliseconds since the epoch, and the message without its line end."""

LogSink = Callable[[str, str, Sequence[LogLine]], None]
"""Takes a log group, a log stream and the lines to append, in order. Called from any thread."""

Status = Literal["success", "error", "timeout"]


@dataclass(frozen=True, slots=True)
class FunctionSpec:
    """One version of one function, as the host needs it; nothing in its *environment* steers the host."""

    arn: str
    name: str
    version: str
    code_dir: Path
    handler: str
    memory_mb: int
    timeout_s: float
    environment: Mapping[str, str] = field(default_factory=dict)
    log_format: Literal["Text", "JSON"] = "Text"
    log_group: str = ""
    """Empty: ``/aws/lambda/<name>``."""
    cpu_limited: bool = True
    """Whether it gets CPU in proportion to its memory size, and waits for its turn on this machine's cores."""
    layers_dir: Path | None = None
    """The layers in one folder, merged in their order; seen at ``/opt``."""
    ephemeral_storage_mb: int = 512
    """How much ``/tmp`` may hold."""
    runtime: Runtime = PYTHON
    interpreter: str | None = None
    """The program that runs it; ``None``: the runtime's own choice."""
    code_sha256: str = ""
    tells_cpu_time: bool = False
    """Whether its REPORT records say how much CPU time an invocation took, and over how many threads."""
    tells_core_wait: bool = False
    """Whether its REPORT records say how long other work of this machine kept an invocation from a core."""
    snap_start: bool = False
    """Whether its environments are restored: they wait after their init, and an invocation finds it made."""
    revision: str = ""
    """Whenever it changes, environments of the old one are no longer used."""

    @property
    def cpu_share(self) -> float:
        """How many vCPU the memory size buys."""
        return self.memory_mb / ONE_VCPU_MB


@dataclass(frozen=True, slots=True)
class Report:
    """The figures of an invocation, for its REPORT record.

    ``duration_ms`` runs from the event's delivery to the response; waiting for
    a core, before or meanwhile, is not in it. ``max_memory_used_mb`` is the high-water mark of the
    whole life of the environment, as on AWS.
    """

    request_id: str
    status: Status
    duration_ms: float
    billed_ms: int
    memory_mb: int
    max_memory_used_mb: int
    init_ms: float | None = None
    """``None`` on a warm environment, after a restore, and where the init was repeated inside the invocation."""
    restore_ms: float | None = None
    """In place of an init, where the version has SnapStart."""
    billed_restore_ms: int | None = None
    error_type: str | None = None
    cpu_ms: float | None = None
    """CPU time of the worker and its children during the invocation."""
    thread_count: int | None = None
    """The most threads that they had at once, as far as it was seen; ``None`` if there is no CPU time."""
    core_wait_ms: float | None = None
    """How long it stood still because other work had the cores of this machine; not in ``duration_ms``.

    0 too where the system does not tell.
    """
    core_wait_error_ms: float | None = None
    """How far off ``duration_ms`` may be for it."""
    platform_error: bool = False
    """Whether the platform ended the invocation (crash, memory, time), not the handler with an exception."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InvocationResult(Report):
    """What became of one invocation."""

    payload: bytes
    function_error: str | None
    """``"Unhandled"`` or ``None``; what AWS sends as ``X-Amz-Function-Error``."""
    cold: bool
    environment_id: str
    log_stream: str
    log_tail: str = ""
    """The last 4 KB of what this invocation logged."""
    core_wait_ms: float = 0.0
    core_wait_error_ms: float = 0.0
    queued_ms: float = 0.0
    """How long the invocation waited for cores of this machine."""
