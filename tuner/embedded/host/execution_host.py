"""Which environment serves an invocation: a warm one, else a new one; and when environments end."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tuner.core.errors import ServiceError, Throttled
from tuner.embedded.access import AccessKey
from tuner.embedded.host.core_queue import QUEUE_LIMIT_S, CoreQueue, OtherServers
from tuner.embedded.host.environment import ExecutionEnvironment
from tuner.embedded.host.model import FunctionSpec, InvocationResult, LogSink
from tuner.embedded.host.running import seen_start_ms
from tuner.embedded.host.sandbox import Sandbox, find_sandbox
from tuner.embedded.host.worker import HostSettings

IDLE_LIMIT_S = 600.0
MOST_IDLE_COUNT = 24
_CLOSE_PATIENCE_S = 10.0
_SWITCH_INTERVAL_S = 0.0005


class _Watchdog:
    """Tells the watchdog process which workers there are; it ends them when this process is gone."""

    def __init__(self, *folders: Path) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(__file__).with_name("watchdog.py")), *map(str, folders)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def started(self, pid: int, mark: str) -> None:
        self._tell(f"+{pid} {mark}\n")

    def ended(self, pid: int) -> None:
        self._tell(f"-{pid}\n")

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        with self._lock, contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()

    def close(self) -> None:
        with self._lock:
            assert self._process.stdin is not None
            with contextlib.suppress(OSError):
                self._process.stdin.close()
            self._process.wait()


_OPENS_NOTHING = AccessKey("local", "local")


class ExecutionHost:
    """Runs functions in execution environments of their own; safe to use from many threads.

    Args:
        endpoint_url: The embedded AWS, which functions find as ``AWS_ENDPOINT_URL``.
        log_sink: Takes the log lines, from any thread.
        work_dir: Where environments have their temporary folders.
        cores: Cores of this machine that functions may use together.
        cores_lock: A file by which the hosts of several processes take turns; without one they do not.
        force_bootstrap: Use our own runtime client where AWS's is there, too.
        start_ms: How long after the beginning of a period of the CPU quota the next handler starts.
        sandbox: What keeps the functions from this machine; by default the
            best that the system has.
        left_behind: A folder that is removed when the host is gone, however it went.
        access_key: Credentials of the functions on the embedded AWS.
        real_aws: The user's environment, whose ``AWS_*`` variables and home
            functions get in place of the embedded AWS.
        idle_limit_s: After how long an unused environment ends.
        most_idle_count: How many unused environments are kept; the one used
            least recently goes first.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "app.py").write_text("def handler(event, context): return event")
        >>> with ExecutionHost("http://127.0.0.1:1", lambda *_: None, folder / "work", 2) as host:
        ...     spec = FunctionSpec("arn:aws:lambda:us-east-1:1:function:f", "f", "1", folder, "app.handler", 1769, 3)
        ...     host.invoke(spec, b'{"a": 1}').payload
        b'{"a": 1}'
    """

    def __init__(
        self,
        endpoint_url: str,
        log_sink: LogSink,
        work_dir: Path,
        cores: float,
        *,
        cores_lock: Path | None = None,
        force_bootstrap: bool = False,
        start_ms: Callable[[], float] = seen_start_ms,
        sandbox: Sandbox | None = None,
        left_behind: Path | None = None,
        access_key: AccessKey = _OPENS_NOTHING,
        real_aws: Mapping[str, str] | None = None,
        idle_limit_s: float = IDLE_LIMIT_S,
        most_idle_count: int = MOST_IDLE_COUNT,
    ) -> None:
        environments_dir = work_dir / uuid.uuid4().hex[:8]
        environments_dir.mkdir(parents=True)
        self._watchdog = _Watchdog(*filter(None, [environments_dir, left_behind]))
        # The threads that time and stop workers share the interpreter with those that serve the embedded
        # AWS. With Python's own interval of 5 ms a response may be noticed that much later.
        self._switch_interval_s = sys.getswitchinterval()
        sys.setswitchinterval(min(_SWITCH_INTERVAL_S, self._switch_interval_s))
        self._settings = HostSettings(
            endpoint_url=endpoint_url,
            log_sink=log_sink,
            environments_dir=environments_dir,
            core_count=cores,
            worker_started=self._watchdog.started,
            worker_ended=self._watchdog.ended,
            access_key=access_key,
            real_aws=real_aws,
            start_ms=start_ms,
            force_bootstrap=force_bootstrap,
            sandbox=sandbox or find_sandbox(),
        )
        self._cores = CoreQueue(cores, other_servers=OtherServers(cores_lock) if cores_lock else None)
        self._idle_limit_s = idle_limit_s
        self._most_idle_count = most_idle_count
        self._changed = threading.Condition()
        self._idle: list[ExecutionEnvironment] = []  # least recently used first
        self._busy: set[ExecutionEnvironment] = set()
        self._closed = False
        self._tender = threading.Thread(target=self._tend, name="execution-host", daemon=True)
        self._tender.start()

    def __enter__(self) -> ExecutionHost:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def invoke(
        self, spec: FunctionSpec, event: bytes, *, client_context: str | None = None, trace_id: str | None = None
    ) -> InvocationResult:
        """Run the function once, on the warm environment used last or on a new one.

        *client_context* is JSON in base64, as Invoke's header has it, or plain; *trace_id* is X-Ray's header, by
        default a trace of its own that is not sampled.

        Returns:
            The result; whatever the function does is in it, never raised.

        Raises:
            InterpreterUnusable: the interpreter chosen for the function does not work.
            ServiceError: the worker could not be started, or the host is closed.
            Throttled: others have had the cores for too long.
        """
        asked: dict[str, Any] = {
            "request_id": str(uuid.uuid4()),
            "client_context": client_context,
            "trace_id": trace_id,
        }
        with self._taken(spec) as environment:
            if not spec.cpu_limited:
                return environment.invoke(event, **asked)
            # An init runs at full speed, so it takes a whole core from the others.
            wanted = spec.cpu_share if environment.is_warm else max(1.0, spec.cpu_share)
            queued_at_s = time.monotonic()
            with self._cores.hold(wanted, used_cpu_s=environment.cpu_s, limit_s=QUEUE_LIMIT_S) as ticket:
                queued_ms = (time.monotonic() - queued_at_s) * 1e3
                result = environment.invoke(event, **asked, on_init_done=lambda: ticket.shrink_to(spec.cpu_share))
            return dataclasses.replace(result, queued_ms=queued_ms)

    def take_snapshot(self, spec: FunctionSpec) -> str | None:
        """Make the init of a version with SnapStart, for the environment that its first invocation restores.

        Returns:
            Why it failed, or ``None``.

        Raises:
            InterpreterUnusable: the interpreter chosen for the function does not work.
            ServiceError: the worker could not be started, or the host is closed.
        """
        with self._taken(spec) as environment:
            with self._cores.hold(max(1.0, spec.cpu_share), used_cpu_s=environment.cpu_s):
                reason = environment.take_snapshot()
            environment.is_usable = environment.is_usable and reason is None
            return reason

    def retire(self, arn_prefix: str) -> None:
        """End the idle environments of a function, a version or an alias by its ARN; busy ones end after their turn."""
        with self._changed:
            retired = [each for each in self._idle if _is_of(each.spec, arn_prefix)]
            self._idle = [each for each in self._idle if not _is_of(each.spec, arn_prefix)]
            for each in self._busy:
                if _is_of(each.spec, arn_prefix):
                    each.is_usable = False
        for each in retired:
            each.end()

    def close(self) -> None:
        """End every environment, even those at work, and the watchdog. Nothing keeps running afterwards."""
        with self._changed:
            if self._closed:
                return
            self._closed = True
            idle, self._idle = self._idle, []
            busy = list(self._busy)
            self._changed.notify_all()
        self._cores.close()
        for each in busy:
            each.interrupt()
        for each in idle:
            each.end()
        with self._changed:
            # The threads that invoke end their environments themselves.
            self._changed.wait_for(lambda: not self._busy, _CLOSE_PATIENCE_S)
        self._tender.join()
        self._watchdog.close()
        sys.setswitchinterval(self._switch_interval_s)
        shutil.rmtree(self._settings.environments_dir, ignore_errors=True)

    @contextlib.contextmanager
    def _taken(self, spec: FunctionSpec) -> Iterator[ExecutionEnvironment]:
        environment = self._take(spec)
        try:
            yield environment
        except Throttled:
            raise  # nothing ran: the environment is as it was
        except BaseException:
            environment.is_usable = False
            raise
        finally:
            self._put_back(environment)

    def _take(self, spec: FunctionSpec) -> ExecutionEnvironment:
        while (warm := self._take_idle(spec)) is not None:
            if warm.has_worker:
                return warm
            self._put_back(warm, is_usable=False)
        environment = ExecutionEnvironment(spec, self._settings)
        with self._changed:
            if not self._closed:
                self._busy.add(environment)
                return environment
        environment.end()
        raise ServiceError(f"The execution host is closed; {spec.name} was not invoked.")

    def _take_idle(self, spec: FunctionSpec) -> ExecutionEnvironment | None:
        """The environment of *spec* that was used last, now busy; ``None`` if all are at work."""
        with self._changed:
            for position in range(len(self._idle) - 1, -1, -1):
                if self._idle[position].spec == spec:
                    environment = self._idle.pop(position)
                    self._busy.add(environment)
                    return environment
        return None

    def _put_back(self, environment: ExecutionEnvironment, *, is_usable: bool = True) -> None:
        ended: list[ExecutionEnvironment] = []
        with self._changed:
            if is_usable and environment.is_usable and not self._closed:
                environment.idle_since_s = time.monotonic()
                self._busy.discard(environment)
                self._idle.append(environment)
                while len(self._idle) > self._most_idle_count:
                    ended.append(self._idle.pop(0))
                self._changed.notify_all()
            else:
                ended.append(environment)
        for each in ended:
            each.end()
        with self._changed:
            self._busy.discard(environment)
            self._changed.notify_all()

    def _tend(self) -> None:
        """End environments that have been idle for too long."""
        while True:
            with self._changed:
                if self._closed:
                    return
                oldest_s = self._idle[0].idle_since_s if self._idle else time.monotonic()
                self._changed.wait(max(0.01, oldest_s + self._idle_limit_s - time.monotonic()))
                overdue_s = time.monotonic() - self._idle_limit_s
                ended = [each for each in self._idle if each.idle_since_s < overdue_s]
                self._idle = [each for each in self._idle if each.idle_since_s >= overdue_s]
            for each in ended:
                each.end()


def _is_of(spec: FunctionSpec, arn_prefix: str) -> bool:
    return spec.arn == arn_prefix or spec.arn.startswith(f"{arn_prefix.rstrip(':')}:")
