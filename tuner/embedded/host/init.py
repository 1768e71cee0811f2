"""Waiting for a worker to be ready: after its start, and after its restore from a snapshot."""

from __future__ import annotations

import contextlib
import subprocess
import time

from tuner.embedded.host.model import FunctionSpec
from tuner.embedded.host.runtime_api import RuntimeApi
from tuner.embedded.host.verdict import Verdict, exited, timed_out
from tuner.embedded.host.worker import Worker

RESTORE_LIMIT_S = 10.0
"""Hooks after a restore may take this long (AWS: "Implement code before or after Lambda function snapshots")."""

_LOOK_S = 0.005


def await_init(worker: Worker, api: RuntimeApi, spec: FunctionSpec, limit_s: float) -> tuple[Verdict | None, float]:
    """Wait until a worker asks for its first event, or comes to where a snapshot is taken.

    Returns:
        Why it did neither, and how many seconds the init took.
    """
    delayed_before_s = worker.tree.run_delay_s() or 0.0
    out_of_memory = False
    while True:
        with api.changed:
            if not (api.is_polling or api.awaits_restore) and api.init_error is None:
                api.changed.wait(_LOOK_S)
            if api.is_polling or api.awaits_restore:
                init_s = api.polled_at_s - worker.began_s
                # At full speed what it waited for a core is in it whole, but what it computed was no wait.
                waited_s = (worker.tree.run_delay_s() or 0.0) - delayed_before_s
                return None, max(init_s - waited_s, min(init_s, worker.tree.cpu_s()))
            init_error = api.init_error
        init_s = time.monotonic() - worker.began_s
        if init_error is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                worker.process.wait(1)  # the runtime exits by itself after the post
            worker.output.drain()
            return Verdict("error", init_error.error_type, init_error.body), init_s
        if worker.has_exited:
            worker.output.drain()
            return exited(spec, worker, out_of_memory=out_of_memory), init_s
        if init_s >= limit_s:
            return timed_out(spec), init_s
        if not out_of_memory and worker.tree.memory_bytes() > spec.memory_mb * 1024 * 1024:
            out_of_memory = True
            worker.tree.kill()


def await_restored(worker: Worker, api: RuntimeApi, spec: FunctionSpec) -> tuple[Verdict | None, float, float]:
    """Wake a worker from its snapshot, and wait until its hooks have run and it asks for an event.

    Returns:
        Why it does not, how many seconds the restore took, and how many of them the hooks.
    """
    woken_s = time.monotonic()
    worker.wake()
    told_s = time.monotonic()
    with contextlib.suppress(OSError):  # a worker that is gone is noticed below
        api.tell_restored()
    failure: Verdict | None = None
    with api.changed:
        while not api.is_polling:
            if api.restore_error is not None:
                failure = Verdict("error", api.restore_error.error_type, api.restore_error.body)
            elif worker.has_exited:
                failure = exited(spec, worker, out_of_memory=False)
            elif time.monotonic() - woken_s > RESTORE_LIMIT_S:
                failure = timed_out(spec)
            if failure is not None:
                break
            api.changed.wait(_LOOK_S)
        ready_s = api.polled_at_s if failure is None else time.monotonic()
    return failure, ready_s - woken_s, ready_s - told_s
