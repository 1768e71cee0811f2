"""A worker: the process of an execution environment, from its start to its end, and what it prints."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tuner.core.errors import ServiceError
from tuner.embedded.access import AccessKey
from tuner.embedded.host.model import FunctionSpec, LogSink
from tuner.embedded.host.platform_log import EnvironmentLog
from tuner.embedded.host.process_tree import process_tree
from tuner.embedded.host.sandbox import NO_SANDBOX, Place, Sandbox, start_worker
from tuner.embedded.host.variables import users_aws_files, worker_environment
from tuner.embedded.runtimes.runtime import Interpreter

LONGEST_LINE_BYTES = 256 * 1024
"""A longer line becomes several events ("CloudWatch Logs quotas": an event has at most 256 KB)."""

_READ_BYTES = 65536
_STORAGE_LOOK_S = 0.5
PHYSICAL_MEMORY_BYTES = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class HostSettings:
    """What all environments of a host have in common."""

    endpoint_url: str
    log_sink: LogSink
    environments_dir: Path
    core_count: float
    worker_started: Callable[[int, str], None]
    worker_ended: Callable[[int], None]
    access_key: AccessKey
    real_aws: Mapping[str, str] | None
    start_ms: Callable[[], float]
    force_bootstrap: bool = False
    sandbox: Sandbox = NO_SANDBOX


class Worker:
    """One process of a function, started at once, with its output going to the log.

    *folder* is the environment's own, made anew.

    Raises:
        ServiceError: It could not be started.
    """

    def __init__(
        self,
        spec: FunctionSpec,
        settings: HostSettings,
        interpreter: Interpreter,
        folder: Path,
        runtime_api: str,
        log: EnvironmentLog,
    ) -> None:
        sandbox = settings.sandbox if spec.cpu_limited else None
        has_own_root = sandbox is not None and sandbox.has_own_root
        storage_bytes = spec.ephemeral_storage_mb * 1024 * 1024
        in_memory = has_own_root and storage_bytes <= PHYSICAL_MEMORY_BYTES / 4
        place = Place(
            folder,
            spec.code_dir,
            spec.layers_dir,
            storage_bytes if in_memory else None,
            visible=(*interpreter.paths, *users_aws_files(settings.real_aws)),
        )
        shutil.rmtree(folder, ignore_errors=True)
        read_end, write_end = os.pipe()
        try:
            folder.mkdir(parents=True)
            self.process, self.began_s = start_worker(
                sandbox,
                spec.runtime.command(interpreter, spec.handler, own_client=settings.force_bootstrap),
                worker_environment(
                    spec,
                    runtime_api=runtime_api,
                    log_group=log.group,
                    log_stream=log.stream,
                    endpoint_url=settings.endpoint_url,
                    temporary_dir=place.tmp_folder,
                    has_own_root=has_own_root,
                    interpreter=interpreter,
                    access_key=settings.access_key,
                    real_aws=settings.real_aws,
                ),
                place,
                output=write_end,
            )
        except (OSError, ServiceError) as error:
            os.close(read_end)
            reason = error.message if isinstance(error, ServiceError) else f"{error.strerror} ({error.filename})"
            raise ServiceError(
                f"The function {spec.name} could not be started: {reason}", hint=_hint_to_start(error)
            ) from error
        finally:
            os.close(write_end)
        mark = f"AWS_LAMBDA_LOG_STREAM_NAME={log.stream}"
        settings.worker_started(self.process.pid, mark)
        self._ended = settings.worker_ended
        self.output = WorkerOutput(read_end, log)
        self.tree = process_tree(self.process, mark)
        self._is_over = False
        self.is_storage_full = False
        self._is_frozen = False
        if not in_memory and spec.cpu_limited:
            watched = (place.tmp_folder, storage_bytes)
            threading.Thread(target=self._watch_storage, args=watched, name="storage", daemon=True).start()

    @property
    def has_exited(self) -> bool:
        """Whether the process is gone."""
        return self.process.poll() is not None

    def freeze(self) -> None:
        """Stop it and all that it started."""
        self._is_frozen = True
        self.tree.stop()

    def wake(self) -> None:
        """Let it go on, if it was frozen."""
        if self._is_frozen:
            self.tree.resume()
            self._is_frozen = False

    def end(self) -> int:
        """End it and all that it started; the most memory that they used, in bytes."""
        self._is_over = True
        peak_bytes = self.tree.peak_memory_bytes()
        self.tree.kill()
        self._ended(self.process.pid)
        return peak_bytes

    def _watch_storage(self, folder: Path, limit_bytes: int) -> None:
        """End a worker that has more on disk than its ephemeral storage holds: no write can be refused there."""
        while self.process.returncode is None and not self._is_over:
            if folder_bytes(folder) > limit_bytes:
                self.is_storage_full = True
                self.tree.kill()
                return
            time.sleep(_STORAGE_LOOK_S)


class WorkerOutput:
    """Follows a worker's standard output and error, which are one pipe so that their order is kept."""

    def __init__(self, descriptor: int, log: EnvironmentLog) -> None:
        self._descriptor = descriptor
        self._log = log
        self._lock = threading.Lock()
        self._partial = bytearray()
        self._ended = False
        os.set_blocking(descriptor, False)
        threading.Thread(target=self._follow, name="worker-output", daemon=True).start()

    def drain(self) -> None:
        """Log everything that was written until now, an unfinished line too."""
        with self._lock:
            self._read_available()
            if self._partial:
                self._add(self._partial)
                self._partial.clear()

    def _follow(self) -> None:
        readable = select.poll()
        readable.register(self._descriptor, select.POLLIN | select.POLLHUP)
        while not self._ended:
            readable.poll()
            with self._lock:
                self._read_available()
        os.close(self._descriptor)

    def _read_available(self) -> None:
        while not self._ended:
            try:
                chunk = os.read(self._descriptor, _READ_BYTES)
            except BlockingIOError:
                return
            self._ended = not chunk
            first, *rest = chunk.split(b"\n")
            self._extend(first)
            for line in rest:
                self._add(self._partial)
                self._partial.clear()
                self._extend(line)

    def _extend(self, piece: bytes) -> None:
        self._partial += piece
        while len(self._partial) > LONGEST_LINE_BYTES:
            self._add(self._partial[:LONGEST_LINE_BYTES])
            del self._partial[:LONGEST_LINE_BYTES]

    def _add(self, line: bytes | bytearray) -> None:
        # The runtime client joins the lines of a traceback by carriage returns, to keep them one event.
        self._log.add(line.decode(errors="replace").rstrip("\r").replace("\r", "\n"))


def folder_bytes(folder: Path) -> int:
    """What the files below *folder* take on the disk; of one that is being changed, what was seen."""
    found_bytes = 0
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    found_bytes += folder_bytes(Path(entry.path))
                else:
                    found_bytes += entry.stat(follow_symlinks=False).st_blocks * 512
    return found_bytes


def _hint_to_start(error: OSError | ServiceError) -> str:
    if isinstance(error, ServiceError):
        return error.hint
    return "Make room for temporary files, or name another folder for them with TMPDIR."
