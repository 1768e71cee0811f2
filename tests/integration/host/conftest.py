"""A host with handlers written by the test that uses them."""

from __future__ import annotations

import contextlib
import json
import os
import textwrap
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tuner.embedded.host import ExecutionHost, FunctionSpec, InvocationResult, LogLine
from tuner.embedded.host.sandbox import NO_SANDBOX

ENDPOINT_URL = "http://127.0.0.1:9"  # nothing listens there


class Logs:
    """A log sink that remembers."""

    def __init__(self) -> None:
        self.streams: dict[tuple[str, str], list[LogLine]] = {}
        self._lock = threading.Lock()

    def __call__(self, group: str, stream: str, lines: Sequence[LogLine]) -> None:
        """Remember *lines*."""
        with self._lock:
            self.streams.setdefault((group, stream), []).extend(lines)

    def messages(self) -> list[str]:
        """Every message of every stream."""
        return [message for lines in self.streams.values() for _, message in lines]


class Workbench:
    """Deploys handlers on a host and invokes them."""

    def __init__(self, host: ExecutionHost, folder: Path, logs: Logs) -> None:
        self.host = host
        self.folder = folder
        self.logs = logs

    def function(self, code: str, **fields: Any) -> FunctionSpec:
        """A function whose ``app.py`` is *code*; ``app.handler`` with plenty of everything unless said."""
        code_dir = self.folder / "code" / fields.get("name", "f")
        code_dir.mkdir(parents=True, exist_ok=True)
        (code_dir / "app.py").write_text(textwrap.dedent(code))
        spec = FunctionSpec(
            arn="arn:aws:lambda:eu-west-1:123456789012:function:f",
            name="f",
            version="$LATEST",
            code_dir=code_dir,
            handler="app.handler",
            memory_mb=1769,
            timeout_s=30,
        )
        return replace(spec, **fields)

    def invoke(self, spec: FunctionSpec, event: object = None) -> InvocationResult:
        """Invoke with *event* as JSON."""
        return self.host.invoke(spec, json.dumps(event).encode())

    def answer(self, spec: FunctionSpec, event: object = None) -> Any:
        """What the function returned; it must have succeeded."""
        result = self.invoke(spec, event)
        assert result.function_error is None, result.payload
        return json.loads(result.payload)


@contextlib.contextmanager
def workbench(folder: Path, **options: Any) -> Iterator[Workbench]:
    """A workbench that is closed after use."""
    logs = Logs()
    with ExecutionHost(ENDPOINT_URL, logs, folder / "work", os.cpu_count() or 1, **options) as host:
        yield Workbench(host, folder, logs)


@pytest.fixture(params=["awslambdaric", "bootstrap"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Workbench]:
    """Both runtime clients, which must not differ in anything tested."""
    with workbench(tmp_path, force_bootstrap=request.param == "bootstrap") as bench:
        yield bench


@pytest.fixture
def one_bench(tmp_path: Path) -> Iterator[Workbench]:
    """For what does not depend on the runtime client."""
    with workbench(tmp_path) as bench:
        yield bench


@pytest.fixture
def open_bench(tmp_path: Path) -> Iterator[Workbench]:
    """For tests whose handlers tell them something by a file: their functions write where they like."""
    with workbench(tmp_path, sandbox=NO_SANDBOX) as bench:
        yield bench


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(condition: Callable[[], bool], timeout_s: float = 20) -> None:
    """Wait for something that happens in another process."""
    ticks = threading.Event()
    for _ in range(int(timeout_s / 0.01)):
        if condition():
            return
        ticks.wait(0.01)
    pytest.fail("what the test waits for did not happen")
