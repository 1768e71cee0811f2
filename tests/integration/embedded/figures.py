"""Measure what ``docs/embedded-aws.md`` says of time and memory: ``python -m tests.integration.embedded.figures``."""

from __future__ import annotations

import itertools
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from tests.integration.embedded.conftest import APPLICATION, Account
from tuner.embedded.account import embedded_aws
from tuner.embedded.host.sandbox import Place, Sandbox, start_worker
from tuner.embedded.runtimes.python import own_paths


def median_ms(call: Callable[[], object], count: int = 50) -> float:
    """Give the median wall time of one call."""
    spent = []
    for _ in range(count):
        start = time.perf_counter()
        call()
        spent.append((time.perf_counter() - start) * 1000)
    return statistics.median(spent)


def start_ms(sandbox: Sandbox | None, folder: Path) -> float:
    """Give the median time from nothing to the start of a worker's program."""
    numbers = itertools.count()

    def start() -> None:
        tmp_bytes = 2**20 if sandbox is not None and sandbox.has_own_root else None
        place = Place(folder / str(next(numbers)), folder, None, tmp_bytes, own_paths())
        place.folder.mkdir()
        workers.append(start_worker(sandbox, ["/bin/true"], {}, place, output=subprocess.DEVNULL)[0])

    workers: list[subprocess.Popen[bytes]] = []
    spent_ms = median_ms(start, 20)
    for worker in workers:
        worker.wait()
    return spent_ms


def main() -> None:
    """Print the figures."""
    for name, sandbox in (
        ("no launcher", None),
        ("namespaces", Sandbox("namespaces")),
        ("Landlock", Sandbox("landlock")),
    ):
        with tempfile.TemporaryDirectory() as folder:
            print(f"start of a worker, {name}: {start_ms(sandbox, Path(folder)):.0f} ms")
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        with embedded_aws(home=Path(folder), application=APPLICATION) as aws:
            print(f"ready after {time.perf_counter() - start:.1f} s")
            server = psutil.Process(aws.pid)
            used = server.cpu_times()
            print(f"CPU until then {used.user + used.system:.1f} s, memory {server.memory_info().rss / 1e6:.0f} MB")
            account = Account(aws.endpoint_url, aws.key)
            functions = account.client("lambda")

            def invoke() -> None:
                functions.invoke(FunctionName="lambda-tuner-echo", Payload=b"{}")["Payload"].read()

            invoke()
            print(f"GetFunction {median_ms(lambda: functions.get_function(FunctionName='lambda-tuner-echo')):.1f} ms")
            print(f"warm Invoke {median_ms(invoke):.1f} ms")
            function_arn = functions.get_function(FunctionName="lambda-tuner-echo")["Configuration"]["FunctionArn"]
            task = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke"}
            call = {**task, "Parameters": {"FunctionName": function_arn, "Payload": {}}, "ResultPath": None}
            states = {f"S{step}": {**call, "Next": f"S{step + 1}"} for step in range(19)}
            start = time.perf_counter()
            account.run({**states, "S19": {**call, "End": True}})
            print(f"a state that calls a warm function {(time.perf_counter() - start) / 20 * 1000:.1f} ms")


if __name__ == "__main__":
    main()
