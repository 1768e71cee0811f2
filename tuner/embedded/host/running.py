"""One invocation: an event delivered to a worker that is ready, and what is watched until it has answered."""

from __future__ import annotations

import contextlib
import math
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass

from tuner.core.aws_limits import SEEN_STARTS_MS
from tuner.embedded.host.cpu_share import CpuShare
from tuner.embedded.host.model import FunctionSpec
from tuner.embedded.host.runtime_api import RuntimeApi
from tuner.embedded.host.verdict import Verdict, answered, exited, timed_out
from tuner.embedded.host.worker import Worker

_MEMORY_LOOK_S = 0.005
_MEMORY_LOOK_UNLIMITED_S = 0.02


@dataclass(frozen=True, slots=True)
class Ran:
    """What was seen of an invocation."""

    verdict: Verdict
    duration_ms: float
    out_of_memory: bool = False
    cpu_ms: float | None = None
    thread_count: int | None = None
    core_wait_ms: float = 0.0
    core_wait_error_ms: float = 0.0


def seen_start_ms() -> float:
    """How long after the beginning of a period of the CPU quota a handler starts: at random, as often as on Lambda."""
    return random.choices([*SEEN_STARTS_MS], [*SEEN_STARTS_MS.values()])[0]  # noqa: S311 - nothing is secret about it


def await_polling(worker: Worker, api: RuntimeApi, limit_s: float) -> None:
    """After a response the runtime needs a moment to ask for the next event; one that does not ask is ended."""
    give_up_s = time.monotonic() + limit_s
    with api.changed:
        while not api.is_polling and not worker.has_exited:
            api.changed.wait(0.02)
            if time.monotonic() >= give_up_s:
                worker.process.kill()


def run(
    worker: Worker,
    api: RuntimeApi,
    spec: FunctionSpec,
    event: bytes,
    request_id: str,
    headers: Mapping[str, str],
    *,
    core_count: float,
    start_ms: float,
    spent_s: float,
) -> Ran:
    """Deliver the event and watch over the worker until it responds, or the platform has to end it.

    *worker* is awake and asks for an event; a function that has as many vCPU as *core_count* is not slowed down;
    it starts *start_ms* after the beginning of a period of the CPU quota; *spent_s* of the invocation's time has gone
    into a repeated init.
    """
    tree = worker.tree
    is_limited = spec.cpu_limited and spec.cpu_share < core_count
    share = CpuShare(tree, spec.cpu_share if is_limited else math.inf, start_ms=start_ms)
    headers = {
        **headers,
        "Lambda-Runtime-Deadline-Ms": str(int((time.time() + spec.timeout_s - spent_s) * 1000)),
        "Lambda-Runtime-Invoked-Function-Arn": spec.arn,
    }
    memory_look_s = _MEMORY_LOOK_S if spec.cpu_limited else _MEMORY_LOOK_UNLIMITED_S
    limit_bytes = spec.memory_mb * 1024 * 1024
    out_of_memory = False
    failure: Verdict | None = None
    deliver = api.delivery(request_id, event, headers)
    next_memory_look_s = started_s = share.begin()
    deadline_s = started_s + spec.timeout_s - spent_s
    with contextlib.suppress(OSError):  # a worker that is gone is noticed below
        deliver()
    while True:
        now_s = time.monotonic()
        if now_s >= deadline_s + share.stood_still_s:
            failure = timed_out(spec, request_id)
            break
        wait_s = min(deadline_s + share.stood_still_s - now_s, memory_look_s)
        if spec.cpu_limited:
            wait_s = min(wait_s, share.look())
        with api.changed:
            if api.completion is None:
                api.changed.wait(wait_s)
            if api.completion is not None:
                break
        if worker.has_exited:
            failure = exited(spec, worker, request_id, out_of_memory=out_of_memory)
            break
        now_s = time.monotonic()
        if now_s >= next_memory_look_s and not out_of_memory:
            next_memory_look_s = now_s + memory_look_s
            if tree.memory_bytes() > limit_bytes:
                out_of_memory = True
                tree.kill()
    completion = api.completion if failure is None else None
    ended_s = completion.at_s if completion is not None else min(time.monotonic(), deadline_s + share.stood_still_s)
    debt_s = share.settle(ended_s)
    stood_still_s = share.stood_still_s if spec.cpu_limited else 0.0
    if failure is None:
        if tree.peak_memory_bytes() > limit_bytes:
            out_of_memory = True
            tree.kill()
            failure = exited(spec, worker, request_id, out_of_memory=True)
        elif ended_s + debt_s > deadline_s + stood_still_s:
            failure = timed_out(spec, request_id)
    is_timed_out = failure is not None and failure.status == "timeout"
    if not is_timed_out:
        time.sleep(debt_s)
    # A sum of fractions may miss 0.
    duration_s = spec.timeout_s if is_timed_out else max(0.0, spent_s + ended_s - started_s + debt_s - stood_still_s)
    verdict = failure
    if verdict is None:
        assert completion is not None
        verdict = answered(completion)
    return Ran(
        verdict,
        duration_s * 1e3,
        out_of_memory,
        cpu_ms=share.cpu_s * 1e3,
        thread_count=share.thread_count,
        core_wait_ms=share.core_wait_s * 1e3 if spec.cpu_limited else 0.0,
        core_wait_error_ms=share.core_wait_error_s * 1e3,
    )
