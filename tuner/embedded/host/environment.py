"""One execution environment: a worker process, kept from its start until it fails, idles too long or is retired."""

from __future__ import annotations

import base64
import contextlib
import math
import shutil
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal

from tuner.core.errors import ServiceError
from tuner.embedded.host.init import await_init, await_restored
from tuner.embedded.host.model import FunctionSpec, InvocationResult
from tuner.embedded.host.platform_log import (
    EnvironmentLog,
    end_record,
    init_report_record,
    init_start_record,
    report_record,
    restore_report_record,
    restore_start_record,
    start_record,
)
from tuner.embedded.host.running import Ran, await_polling, run
from tuner.embedded.host.runtime_api import RuntimeApi
from tuner.embedded.host.verdict import Verdict, failed
from tuner.embedded.host.worker import HostSettings, Worker, WorkerOutput

INIT_LIMIT_S = 10.0
"""An init that takes longer is ended and repeated inside the invocation (AWS: "Lambda execution environment")."""

SNAPSHOT_LIMIT_S = 130.0
"""An init before a snapshot may take this long, or as long as the function's time-out (AWS: "Lambda SnapStart")."""

_FREEZE_PATIENCE_S = 0.05
DISTURBED_RATIO = 0.05
"""An invocation waited for a core of a busy machine: more than this share of its duration …"""
DISTURBED_MS = 1.0
"""… and longer than this, which any thread waits now and then."""


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
        group = spec.log_group or f"/aws/lambda/{spec.name}"
        named = "" if group == f"/aws/lambda/{spec.name}" else spec.name  # as where several functions log
        stream = f"{datetime.now(UTC):%Y/%m/%d}/{named}[{spec.version}]{self.environment_id}"
        self._log = EnvironmentLog(settings.log_sink, group, stream)
        # A short name: sockets below TMPDIR (multiprocessing makes some) may have 108 characters in all.
        self._dir = settings.environments_dir / self.environment_id[:8]
        self._api = RuntimeApi()
        self._worker: Worker | None = None
        self._output: WorkerOutput | None = None
        self._peak_bytes = 0
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
        return self._worker is not None and not self._worker.has_exited

    def cpu_s(self) -> float:
        """CPU seconds that the worker has used so far, its init too; may be asked from another thread."""
        worker = self._worker
        return 0.0 if worker is None else worker.tree.cpu_s()

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
        spec = self.spec
        cold = not self._was_invoked
        self._was_invoked = True
        self._log.begin_tail()
        failure: Verdict | None = None
        repeated_init_s = 0.0
        if cold and spec.snap_start:
            failure = self._restore()
        elif cold:
            failure, repeated_init_s = self._init()
        on_init_done()
        worker = self._worker
        if failure is None:
            assert worker is not None
            worker.wake()
            await_polling(worker, self._api, spec.timeout_s)
        self._log.add(start_record(request_id, spec.version, spec.log_format))
        if failure is not None:
            return self._conclude(request_id, Ran(failure, repeated_init_s * 1e3), cold=True)
        assert worker is not None
        headers = {"Lambda-Runtime-Trace-Id": trace_id or _new_trace()}
        if client_context is not None:
            headers["Lambda-Runtime-Client-Context"] = _as_json(client_context)
        ran = run(
            worker,
            self._api,
            spec,
            event,
            request_id,
            headers,
            core_count=self._settings.core_count,
            start_ms=self._settings.start_ms(),
            spent_s=repeated_init_s,
        )
        return self._conclude(request_id, ran, cold=cold)

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
            return f"{failure.error_type}: {failure.message}"
        if logged:
            self._log.add(init_report_record(init_s * 1e3, spec.log_format, snap_start=True))
        if spec.cpu_limited and self._worker is not None:
            self._worker.freeze()
        self._log.send()
        return None

    def interrupt(self) -> None:
        """Kill the worker from another thread: an invocation at work ends with an exit error, and none follows."""
        with self._spawning:
            self._is_interrupted = True
            self.is_usable = False
            if self._worker is not None:
                self._worker.tree.kill()

    def end(self) -> None:
        """End the worker and everything that it started, and remove its temporary folder. Not while it is at work."""
        self.interrupt()
        self._end_worker()
        self._api.close()
        if self._output is not None:
            self._output.drain()
        self._log.send()
        shutil.rmtree(self._dir, ignore_errors=True)

    def _init(self) -> tuple[Verdict | None, float]:
        """Start the worker; as on AWS, one that fails is started once more, inside the invocation.

        Returns:
            The failure of the second attempt, and how many seconds of the
            invocation the second attempt took (0 if the first was good).
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

    def _restore(self) -> Verdict | None:
        """Wake the worker from its snapshot: its hooks run, and it asks for an event.

        A process cannot be copied as a snapshot is: each environment but the
        version's first makes an init of its own here, of which no record tells.
        """
        spec = self.spec
        if self._worker is None:
            reason = self.take_snapshot(logged=False)
            if reason is not None:
                return failed("Runtime.RestoreError", reason)
        assert self._worker is not None
        self._log.begin_tail()
        self._log.add(restore_start_record(self._runtime_version, spec.name, spec.version, spec.log_format))
        failure, restore_s, hooks_s = await_restored(self._worker, self._api, spec)
        self._restore_ms, self._billed_restore_ms = restore_s * 1e3, math.ceil(hooks_s * 1e3)
        status, error_type = ("success", None) if failure is None else (failure.status, failure.error_type)
        self._log.add(restore_report_record(self._restore_ms, status, error_type, spec.log_format))
        return failure

    def _log_failed_init(self, failure: Verdict, init_s: float, phase: Literal["init", "invoke"]) -> None:
        self._end_worker()
        error_type = None if failure.status == "timeout" else failure.error_type
        log_format, status = self.spec.log_format, failure.status
        self._log.add(init_report_record(init_s * 1e3, log_format, status, phase=phase, error_type=error_type))

    def _start(self, limit_s: float) -> tuple[Verdict | None, float]:
        self._api.reset()
        with self._spawning:
            if self._is_interrupted:
                raise ServiceError(f"The execution host was closed before {self.spec.name} was invoked.")
            worker = Worker(self.spec, self._settings, self._interpreter, self._dir, self._api.address, self._log)
            self._worker, self._output = worker, worker.output
        return await_init(worker, self._api, self.spec, limit_s)

    def _end_worker(self) -> None:
        with self._spawning:
            worker, self._worker = self._worker, None
        if worker is not None:
            self._peak_bytes = max(self._peak_bytes, worker.end())

    def _conclude(self, request_id: str, ran: Ran, *, cold: bool) -> InvocationResult:
        """Write END and REPORT, and put the worker to rest or to its end."""
        spec, verdict = self.spec, ran.verdict
        worker_peak_bytes = self._worker.tree.peak_memory_bytes() if self._worker is not None else 0
        if self._output is not None:
            self._output.drain()
        error_type = verdict.error_type
        init_ms = self._init_ms if cold else None
        restore_ms = self._restore_ms if cold else None
        billed_restore_ms = self._billed_restore_ms if cold else None
        max_memory_used_mb = min(math.ceil(max(self._peak_bytes, worker_peak_bytes) / 1024 / 1024), spec.memory_mb)
        if ran.out_of_memory or error_type == "Runtime.OutOfMemory":
            error_type = "Runtime.OutOfMemory"
            max_memory_used_mb = spec.memory_mb
        result = InvocationResult(
            request_id=request_id,
            status=verdict.status,
            duration_ms=ran.duration_ms,
            billed_ms=max(1, math.ceil(round(ran.duration_ms + (init_ms or 0.0) + (billed_restore_ms or 0), 6))),
            memory_mb=spec.memory_mb,
            max_memory_used_mb=max_memory_used_mb,
            init_ms=init_ms,
            restore_ms=restore_ms,
            billed_restore_ms=billed_restore_ms,
            error_type=error_type,
            cpu_ms=ran.cpu_ms,
            thread_count=ran.thread_count,
            core_wait_ms=ran.core_wait_ms,
            core_wait_error_ms=ran.core_wait_error_ms,
            platform_error=verdict.by_platform,
            payload=verdict.payload,
            function_error=None if verdict.status == "success" else "Unhandled",
            cold=cold,
            environment_id=self.environment_id,
            log_stream=self._log.stream,
        )
        is_disturbed = ran.core_wait_ms > max(DISTURBED_RATIO * ran.duration_ms, DISTURBED_MS)
        told = {"tells_cpu_time": spec.tells_cpu_time, "tells_core_wait": spec.tells_core_wait and is_disturbed}
        self._log.add(
            end_record(result, 0 if verdict.by_platform else len(verdict.payload), spec.log_format),
            report_record(result, spec.log_format, **told),
        )
        result = replace(result, log_tail=self._log.tail())
        if verdict.by_platform:
            self._end_worker()
            self.is_usable = False
        else:
            self._api.acknowledge()
            self._freeze()
        self._log.send()
        return result

    def _freeze(self) -> None:
        """Between invocations nothing runs on Lambda, background threads neither."""
        if not self.spec.cpu_limited or self._worker is None:
            return
        with self._api.changed:
            self._api.changed.wait_for(lambda: self._api.is_polling, _FREEZE_PATIENCE_S)
            if not self._api.is_polling:
                return
        self._worker.freeze()


def _new_trace() -> str:
    return f"Root=1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]};Parent={uuid.uuid4().hex[:16]};Sampled=0"


def _as_json(client_context: str) -> str:
    """Invoke's header is base64; the runtime gets the JSON in it."""
    with contextlib.suppress(ValueError):
        return base64.b64decode(client_context, validate=True).decode()
    return client_context
