"""One execution environment: a worker process, kept from its start until it fails, idles too long or is retired."""

from __future__ import annotations

import base64
import contextlib
import json
import math
import os
import random
import select
import shutil
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from tuner.core.errors import ServiceError
from tuner.embedded.access import AccessKey
from tuner.embedded.host.cpu_share import PERIOD_S, CpuShare
from tuner.embedded.host.model import FunctionSpec, InvocationResult, LogSink, Status
from tuner.embedded.host.platform_log import (
    EnvironmentLog,
    Report,
    end_record,
    init_report_record,
    init_start_record,
    report_record,
    restore_report_record,
    restore_start_record,
    snapshot_report_record,
    start_record,
)
from tuner.embedded.host.process_tree import ProcessTree, process_tree
from tuner.embedded.host.runtime_api import LARGEST_RESPONSE_BYTES, RuntimeApi
from tuner.embedded.host.sandbox import NO_SANDBOX, Place, Sandbox, start_worker
from tuner.embedded.host.worker import users_aws_files, worker_environment

INIT_LIMIT_S = 10.0
"""An init that takes longer is ended and repeated inside the invocation (AWS: "Lambda execution environment")."""

SNAPSHOT_LIMIT_S = 130.0
"""An init before a snapshot may take this long, or as long as the function's time-out (AWS: "Lambda SnapStart")."""
RESTORE_LIMIT_S = 10.0
"""Hooks after a restore may take this long (AWS: "Implement code before or after Lambda function snapshots")."""

_MEMORY_LOOK_S = 0.005
_MEMORY_LOOK_UNLIMITED_S = 0.02
_FREEZE_PATIENCE_S = 0.05
DISTURBED_RATIO = 0.05
"""An invocation waited for a core of a busy machine: more than this share of its duration …"""
DISTURBED_MS = 1.0
"""… and longer than this, which any thread waits now and then."""
_READ_BYTES = 65536
LONGEST_LINE_BYTES = 256 * 1024
"""A longer line becomes several events ("CloudWatch Logs quotas": an event has at most 256 KB)."""
_STORAGE_LOOK_S = 0.5
_PHYSICAL_MEMORY_BYTES = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


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
    force_bootstrap: bool = False
    sandbox: Sandbox = NO_SANDBOX


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why the platform, not the handler's own exception, ended an init or an invocation."""

    status: Status
    error_type: str
    payload: bytes


class _WorkerOutput:
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


class ExecutionEnvironment:
    """Runs one invocation at a time of one version of one function.

    :meth:`invoke` answers whatever the function does; afterwards
    :attr:`is_usable` says whether another one may follow.
    """

    def __init__(self, spec: FunctionSpec, settings: HostSettings) -> None:
        self.spec = spec
        self.environment_id = uuid.uuid4().hex
        self.is_usable = True
        self.idle_since_s = 0.0
        self._settings = settings
        self._interpreter = spec.runtime.interpreter(spec.interpreter)
        self._runtime_version = f"{spec.runtime.family}:{self._interpreter.version}"
        if not spec.code_dir.is_dir():
            raise ServiceError(
                f"The code folder {spec.code_dir} of the function {spec.name} does not exist.",
                hint="Deploy the function again.",
            )
        self._log_group = spec.log_group or f"/aws/lambda/{spec.name}"
        named = "" if self._log_group == f"/aws/lambda/{spec.name}" else spec.name  # as where several functions log
        stream = f"{datetime.now(UTC):%Y/%m/%d}/{named}[{spec.version}]{self.environment_id}"
        self._log = EnvironmentLog(settings.log_sink, self._log_group, stream)
        # A short name: sockets below TMPDIR (multiprocessing makes some) may have 108 characters in all.
        self._dir = settings.environments_dir / self.environment_id[:8]
        self._api = RuntimeApi()
        self._tree: ProcessTree | None = None
        self._worker: subprocess.Popen[bytes] | None = None
        self._output: _WorkerOutput | None = None
        self._frozen = False
        self._peak_bytes = 0
        self._storage_bytes = spec.ephemeral_storage_mb * 1024 * 1024
        self._is_storage_full = False
        self._was_invoked = False
        self._init_ms: float | None = None
        self._restore_ms: float | None = None
        self._billed_restore_ms: int | None = None
        self._spawning = threading.Lock()
        self._is_interrupted = False

    @property
    def is_warm(self) -> bool:
        """Whether an init has been made."""
        return self._was_invoked

    @property
    def has_worker(self) -> bool:
        """Whether the worker still runs; something outside may have ended an idle one."""
        return self._worker is not None and self._worker.poll() is None

    def cpu_s(self) -> float:
        """CPU seconds that the worker has used so far, its init too; may be asked from another thread."""
        tree = self._tree
        return 0.0 if tree is None else tree.cpu_s()

    def invoke(
        self,
        event: bytes,
        *,
        request_id: str,
        client_context: str | None = None,
        trace_id: str | None = None,
        on_init_done: Callable[[], None] = lambda: None,
    ) -> InvocationResult:
        """Run one invocation to its end, the init before it where there was none.

        *on_init_done* is called when the init is over, which is when the
        function's CPU share begins to hold.
        """
        cold = not self._was_invoked
        self._was_invoked = True
        self._log.begin_tail()
        failure: _Failure | None = None
        repeated_init_s = 0.0
        if cold and self.spec.snap_start:
            failure = self._restore()
        elif cold:
            failure, repeated_init_s = self._init()
        on_init_done()
        if failure is not None:
            self._log.add(start_record(request_id, self.spec.version, self.spec.log_format))
            return self._conclude(request_id, cold=True, duration_ms=repeated_init_s * 1e3, failure=failure)
        headers = {"Lambda-Runtime-Trace-Id": trace_id or _new_trace()}
        if client_context is not None:
            headers["Lambda-Runtime-Client-Context"] = _as_json(client_context)
        return self._run(event, request_id, headers, cold=cold, spent_s=repeated_init_s)

    def take_snapshot(self, *, logged: bool = True) -> str | None:
        """Run the init up to where a snapshot is taken, and stop there until the first invocation.

        Returns:
            Why it failed, or ``None``.
        """
        spec = self.spec
        if logged:
            self._log.add(
                init_start_record(self._runtime_version, spec.name, spec.version, spec.log_format, snap_start=True)
            )
        failure, init_s = self._start(max(SNAPSHOT_LIMIT_S, spec.timeout_s))
        if failure is not None:
            self._log_failed_init(failure, init_s, "init")
            self._log.send()
            return f"{failure.error_type}: {_error_message(failure.payload)}"
        if logged:
            self._log.add(snapshot_report_record(init_s * 1e3, spec.log_format))
        if spec.cpu_limited and self._tree is not None:
            self._frozen = True
            self._tree.stop()
        self._log.send()
        return None

    def interrupt(self) -> None:
        """Kill the worker from another thread: an invocation at work ends with an exit error, and none follows."""
        with self._spawning:
            self._is_interrupted = True
            self.is_usable = False
            if self._tree is not None:
                self._tree.kill()

    def end(self) -> None:
        """End the worker and everything that it started, and remove its temporary folder. Not while it is at work."""
        self.interrupt()
        self._end_worker()
        self._api.close()
        if self._output is not None:
            self._output.drain()
        self._log.send()
        shutil.rmtree(self._dir, ignore_errors=True)

    # --- init ---

    def _init(self) -> tuple[_Failure | None, float]:
        """Start the worker; as on AWS, one that fails is started once more, inside the invocation.

        Returns:
            The failure of the second attempt, and how many seconds of the
            invocation the second attempt took (0 where the first was good).
        """
        spec = self.spec
        self._log.add(init_start_record(self._runtime_version, spec.name, spec.version, spec.log_format))
        failure, init_s = self._start(INIT_LIMIT_S)
        if failure is None:
            self._init_ms = init_s * 1e3
            return None, 0.0
        self._log_failed_init(failure, init_s, "init")
        failure, init_s = self._start(spec.timeout_s)
        if failure is not None:
            self._log_failed_init(failure, init_s, "invoke")
        return failure, min(init_s, spec.timeout_s)

    def _restore(self) -> _Failure | None:
        """Wake the worker from its snapshot: its hooks run, and it asks for an event.

        A process cannot be copied as a snapshot is: each environment but the
        version's first makes an init of its own here, of which no record tells.
        """
        spec = self.spec
        if self._tree is None:
            reason = self.take_snapshot(logged=False)
            if reason is not None:
                return _Failure("error", "Runtime.RestoreError", _error_payload("Runtime.RestoreError", reason))
        tree, worker, api = self._tree, self._worker, self._api
        assert tree is not None
        assert worker is not None
        self._log.begin_tail()
        self._log.add(restore_start_record(self._runtime_version, spec.name, spec.version, spec.log_format))
        woken_s = time.monotonic()
        if self._frozen:
            tree.resume()
            self._frozen = False
        told_s = time.monotonic()
        with contextlib.suppress(OSError):  # a worker that is gone is noticed below
            api.tell_restored()
        failure: _Failure | None = None
        with api.changed:
            while not api.is_polling:
                if api.restore_error is not None:
                    failure = _Failure("error", api.restore_error.error_type, api.restore_error.body)
                elif worker.poll() is not None:
                    failure = self._exit_failure(None, out_of_memory=False)
                elif time.monotonic() - woken_s > RESTORE_LIMIT_S:
                    failure = self._timeout_failure(None)
                if failure is not None:
                    break
                api.changed.wait(_MEMORY_LOOK_S)
            ready_s = api.polled_at_s if failure is None else time.monotonic()
        self._restore_ms = (ready_s - woken_s) * 1e3
        self._billed_restore_ms = math.ceil((ready_s - told_s) * 1e3)
        status: Status = "success" if failure is None else failure.status
        error_type = None if failure is None else failure.error_type
        self._log.add(restore_report_record(self._restore_ms, status, error_type, spec.log_format))
        return failure

    def _log_failed_init(self, failure: _Failure, init_s: float, phase: Literal["init", "invoke"]) -> None:
        self._end_worker()
        error_type = None if failure.status == "timeout" else failure.error_type
        self._log.add(init_report_record(init_s * 1e3, phase, failure.status, error_type, self.spec.log_format))

    def _start(self, limit_s: float) -> tuple[_Failure | None, float]:
        api = self._api
        api.reset()
        started_s = self._spawn()
        assert self._worker is not None
        assert self._tree is not None
        assert self._output is not None
        delayed_before_s = self._tree.run_delay_s() or 0.0
        too_much_memory = False
        while True:
            with api.changed:
                if not (api.is_polling or api.awaits_restore) and api.init_error is None:
                    api.changed.wait(_MEMORY_LOOK_S)
                if api.is_polling or api.awaits_restore:
                    init_s = api.polled_at_s - started_s
                    # At full speed what it waited for a core is in it whole, but what it computed was no wait.
                    waited_s = (self._tree.run_delay_s() or 0.0) - delayed_before_s
                    return None, max(init_s - waited_s, min(init_s, self._tree.cpu_s()))
                init_error = api.init_error
            init_s = time.monotonic() - started_s
            if init_error is not None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._worker.wait(1)  # the runtime exits by itself after the post
                self._output.drain()
                return _Failure("error", init_error.error_type, init_error.body), init_s
            if self._worker.poll() is not None:
                self._output.drain()
                return self._exit_failure(None, out_of_memory=too_much_memory), init_s
            if init_s >= limit_s:
                return self._timeout_failure(None), init_s
            if not too_much_memory and self._tree.memory_bytes() > self.spec.memory_mb * 1024 * 1024:
                too_much_memory = True
                self._tree.kill()

    def _spawn(self) -> float:
        """Start the worker; returns when its program began, by the monotonic clock."""
        spec, settings = self.spec, self._settings
        with self._spawning:
            if self._is_interrupted:
                raise ServiceError(f"The execution host was closed before {spec.name} was invoked.")
            sandbox = settings.sandbox if spec.cpu_limited else None
            has_own_root = sandbox is not None and sandbox.has_own_root
            in_memory = has_own_root and self._storage_bytes <= _PHYSICAL_MEMORY_BYTES / 4
            place = Place(
                self._dir,
                spec.code_dir,
                spec.layers_dir,
                self._storage_bytes if in_memory else None,
                visible=(*self._interpreter.paths, *users_aws_files(settings.real_aws)),
            )
            shutil.rmtree(self._dir, ignore_errors=True)
            self._is_storage_full = False
            read_end, write_end = os.pipe()
            try:
                self._dir.mkdir(parents=True)
                self._worker, began_s = start_worker(
                    sandbox,
                    spec.runtime.command(self._interpreter, spec.handler, own_client=settings.force_bootstrap),
                    worker_environment(
                        spec,
                        runtime_api=self._api.address,
                        log_group=self._log_group,
                        log_stream=self._log.stream,
                        endpoint_url=settings.endpoint_url,
                        temporary_dir=place.tmp_folder,
                        has_own_root=has_own_root,
                        interpreter=self._interpreter,
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
            mark = f"AWS_LAMBDA_LOG_STREAM_NAME={self._log.stream}"
            settings.worker_started(self._worker.pid, mark)
            self._output = _WorkerOutput(read_end, self._log)
            self._tree = process_tree(self._worker, mark)
            if not in_memory and spec.cpu_limited:
                watched = (self._worker, self._tree, place.tmp_folder)
                threading.Thread(target=self._watch_storage, args=watched, name="storage", daemon=True).start()
            return began_s

    def _watch_storage(self, worker: subprocess.Popen[bytes], tree: ProcessTree, folder: Path) -> None:
        """End a worker that has more on disk than its ephemeral storage holds: no write can be refused there."""
        while worker.returncode is None and tree is self._tree:
            if folder_bytes(folder) > self._storage_bytes:
                self._is_storage_full = True
                tree.kill()
                return
            time.sleep(_STORAGE_LOOK_S)

    def _end_worker(self) -> None:
        if self._worker is None or self._tree is None:
            return
        with self._spawning:
            tree, self._tree = self._tree, None
        self._peak_bytes = max(self._peak_bytes, tree.peak_memory_bytes())
        tree.kill()
        self._settings.worker_ended(self._worker.pid)
        self._worker = None
        self._frozen = False

    # --- invocation ---

    def _run(
        self, event: bytes, request_id: str, headers: dict[str, str], *, cold: bool, spent_s: float
    ) -> InvocationResult:
        """Deliver the event and watch over the worker until it responds, or the platform has to end it.

        *spent_s* of the invocation's time have gone into a repeated init.
        """
        spec, api, tree, worker = self.spec, self._api, self._tree, self._worker
        assert tree is not None
        assert worker is not None
        assert self._output is not None
        if self._frozen:
            tree.resume()
            self._frozen = False
        self._await_polling(worker)
        self._log.add(start_record(request_id, spec.version, spec.log_format))
        is_limited = spec.cpu_limited and spec.cpu_share < self._settings.core_count
        phase_s = random.uniform(0, PERIOD_S)  # noqa: S311 - nothing is secret about it
        share = CpuShare(tree, spec.cpu_share if is_limited else math.inf, phase_s=phase_s)
        started_s = share.begin()
        deadline_s = started_s + spec.timeout_s - spent_s
        deadline_ms = int((time.time() + deadline_s - time.monotonic()) * 1000)
        headers |= {
            "Lambda-Runtime-Deadline-Ms": str(deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": spec.arn,
        }
        memory_look_s = _MEMORY_LOOK_S if spec.cpu_limited else _MEMORY_LOOK_UNLIMITED_S
        limit_bytes = spec.memory_mb * 1024 * 1024
        out_of_memory = False
        failure: _Failure | None = None
        next_memory_look_s = started_s
        with contextlib.suppress(OSError):  # a worker that is gone is noticed below
            api.deliver(request_id, event, headers)
        while True:
            now_s = time.monotonic()
            if now_s >= deadline_s + share.core_wait_s:
                failure = self._timeout_failure(request_id)
                break
            wait_s = min(deadline_s + share.core_wait_s - now_s, memory_look_s)
            if spec.cpu_limited:
                wait_s = min(wait_s, share.look())
            with api.changed:
                if api.completion is None:
                    api.changed.wait(wait_s)
                if api.completion is not None:
                    break
            if worker.poll() is not None:
                failure = self._exit_failure(request_id, out_of_memory=out_of_memory)
                break
            now_s = time.monotonic()
            if now_s >= next_memory_look_s and not out_of_memory:
                next_memory_look_s = now_s + memory_look_s
                if tree.memory_bytes() > limit_bytes:
                    out_of_memory = True
                    tree.kill()
        completion = api.completion if failure is None else None
        ended_s = completion.at_s if completion is not None else min(time.monotonic(), deadline_s + share.core_wait_s)
        debt_s = share.settle(ended_s)
        core_wait_s = share.core_wait_s if spec.cpu_limited else 0.0
        if failure is None:
            if tree.peak_memory_bytes() > limit_bytes:
                out_of_memory = True
                tree.kill()
                failure = self._exit_failure(request_id, out_of_memory=True)
            elif ended_s + debt_s > deadline_s + core_wait_s:
                failure = self._timeout_failure(request_id)
        if failure is None or failure.status != "timeout":
            time.sleep(debt_s)
        duration_s = max(0.0, spent_s + ended_s - started_s + debt_s - core_wait_s)  # a sum of fractions may miss 0
        if failure is not None and failure.status == "timeout":
            duration_s = spec.timeout_s
        return self._conclude(
            request_id,
            cold=cold,
            duration_ms=duration_s * 1e3,
            failure=failure,
            out_of_memory=out_of_memory,
            cpu_ms=share.cpu_s * 1e3,
            thread_count=share.thread_count,
            core_wait_ms=core_wait_s * 1e3,
            core_wait_error_ms=share.core_wait_error_s * 1e3,
        )

    def _await_polling(self, worker: subprocess.Popen[bytes]) -> None:
        """After a response the runtime needs a moment to ask for the next event; one that does not ask is ended."""
        give_up_s = time.monotonic() + self.spec.timeout_s
        with self._api.changed:
            while not self._api.is_polling and worker.poll() is None:
                self._api.changed.wait(0.02)
                if time.monotonic() >= give_up_s:
                    worker.kill()

    def _conclude(
        self,
        request_id: str,
        *,
        cold: bool,
        duration_ms: float,
        failure: _Failure | None,
        out_of_memory: bool = False,
        cpu_ms: float | None = None,
        thread_count: int | None = None,
        core_wait_ms: float = 0.0,
        core_wait_error_ms: float = 0.0,
    ) -> InvocationResult:
        """Write END and REPORT, and put the worker to rest or to its end."""
        spec = self.spec
        completion = self._api.completion
        peak_bytes = max(self._peak_bytes, self._tree.peak_memory_bytes() if self._tree is not None else 0)
        if self._output is not None:
            self._output.drain()
        status: Status = "success"
        error_type: str | None = None
        if failure is not None:
            payload, status, error_type = failure.payload, failure.status, failure.error_type
        else:
            assert completion is not None
            payload = completion.body
            if completion.kind == "error":
                status, error_type = "error", _error_type(payload)
            elif len(payload) > LARGEST_RESPONSE_BYTES:
                status, error_type = "error", "Function.ResponseSizeTooLarge"
                payload = _error_payload(
                    error_type,
                    f"Response payload size ({len(payload)} bytes) exceeded maximum allowed payload size "
                    f"({LARGEST_RESPONSE_BYTES} bytes).",
                )
        init_ms = self._init_ms if cold else None
        restore_ms = self._restore_ms if cold else None
        billed_restore_ms = self._billed_restore_ms if cold else None
        max_memory_used_mb = min(math.ceil(peak_bytes / 1024 / 1024), spec.memory_mb)
        if out_of_memory or error_type == "Runtime.OutOfMemory":
            error_type = "Runtime.OutOfMemory"
            max_memory_used_mb = spec.memory_mb
        tells_core_wait = spec.tells_core_wait and core_wait_ms > max(DISTURBED_RATIO * duration_ms, DISTURBED_MS)
        report = Report(
            request_id=request_id,
            status=status,
            duration_ms=duration_ms,
            billed_ms=max(1, math.ceil(round(duration_ms + (init_ms or 0.0) + (billed_restore_ms or 0), 6))),
            memory_mb=spec.memory_mb,
            restore_ms=restore_ms,
            billed_restore_ms=billed_restore_ms,
            max_memory_used_mb=max_memory_used_mb,
            init_ms=init_ms,
            error_type=error_type,
            cpu_ms=cpu_ms if spec.tells_cpu_time else None,
            thread_count=thread_count if spec.tells_cpu_time else None,
            core_wait_ms=core_wait_ms if tells_core_wait else None,
            core_wait_error_ms=core_wait_error_ms if tells_core_wait else None,
            platform_error=failure is not None,
        )
        self._log.add(
            end_record(report, 0 if failure is not None else len(payload), spec.log_format),
            report_record(report, spec.log_format),
        )
        tail = self._log.tail()
        if failure is not None:
            self._end_worker()
            self.is_usable = False
        else:
            self._api.acknowledge()
            self._freeze()
        self._log.send()
        return InvocationResult(
            payload=payload,
            function_error=None if status == "success" else "Unhandled",
            log_tail=tail,
            request_id=request_id,
            status=status,
            duration_ms=duration_ms,
            billed_ms=report.billed_ms,
            init_ms=init_ms,
            max_memory_used_mb=max_memory_used_mb,
            cold=cold,
            environment_id=self.environment_id,
            error_type=error_type,
            restore_ms=restore_ms,
            log_stream=self._log.stream,
            cpu_ms=cpu_ms,
            thread_count=thread_count,
            core_wait_ms=core_wait_ms,
            core_wait_error_ms=core_wait_error_ms,
        )

    def _freeze(self) -> None:
        """Between invocations nothing runs on Lambda, background threads neither."""
        if not self.spec.cpu_limited or self._tree is None:
            return
        with self._api.changed:
            self._api.changed.wait_for(lambda: self._api.is_polling, _FREEZE_PATIENCE_S)
            if not self._api.is_polling:
                return
        self._frozen = True
        self._tree.stop()

    # --- what AWS answers where the platform ends it ---

    def _timeout_failure(self, request_id: str | None) -> _Failure:
        message = f"{_request(request_id)}Error: Task timed out after {self.spec.timeout_s:.2f} seconds"
        return _Failure("timeout", "Sandbox.Timedout", _error_payload("Sandbox.Timedout", message))

    def _exit_failure(self, request_id: str | None, *, out_of_memory: bool) -> _Failure:
        assert self._worker is not None
        code = self._worker.wait()
        if self._is_storage_full:
            message = f"[Errno 28] No space left on device: /tmp held more than {self.spec.ephemeral_storage_mb} MB"
            return _Failure("error", "OSError", _error_payload("OSError", message))
        if code == 0:
            reason = "Runtime exited without providing a reason"
        elif code < 0:
            reason = f"Runtime exited with error: signal: {(signal.strsignal(-code) or str(-code)).lower()}"
        else:
            reason = f"Runtime exited with error: exit status {code}"
        payload = _error_payload("Runtime.ExitError", f"{_request(request_id)}Error: {reason}")
        return _Failure("error", "Runtime.OutOfMemory" if out_of_memory else "Runtime.ExitError", payload)


def _new_trace() -> str:
    return f"Root=1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]};Parent={uuid.uuid4().hex[:16]};Sampled=0"


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


def _as_json(client_context: str) -> str:
    """Invoke's header is base64; the runtime gets the JSON in it."""
    with contextlib.suppress(ValueError):
        return base64.b64decode(client_context, validate=True).decode()
    return client_context


def _request(request_id: str | None) -> str:
    return f"RequestId: {request_id} " if request_id else ""


def _error_payload(error_type: str, message: str) -> bytes:
    return json.dumps({"errorType": error_type, "errorMessage": message}, separators=(",", ":")).encode()


def _error_message(payload: bytes) -> str:
    try:
        return str(json.loads(payload)["errorMessage"])
    except (ValueError, KeyError, TypeError):
        return "no message"


def _error_type(payload: bytes) -> str:
    try:
        return str(json.loads(payload)["errorType"])
    except (ValueError, KeyError, TypeError):
        return "Runtime.Unknown"
