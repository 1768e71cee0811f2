"""Which environment serves an invocation, what runs in it, and that nothing of it stays."""

from __future__ import annotations

import concurrent.futures
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tests.integration.host.conftest import ENDPOINT_URL, Workbench, is_alive, wait_until, workbench
from tuner.core.errors import ServiceError
from tuner.embedded.host.process_tree import PortableProcessTree
from tuner.embedded.host.sandbox import NO_SANDBOX
from tuner.embedded.runtimes.runtime import InterpreterUnusable

PID = "import os\ndef handler(event, context): return os.getpid()"


def test_environment_is_reused(bench: Workbench) -> None:
    """The second invocation meets the same process, with what the first left in memory."""
    spec = bench.function(
        """
        count = 0
        def handler(event, context):
            global count
            count += 1
            return count
        """
    )

    assert [bench.answer(spec) for _ in range(3)] == [1, 2, 3]
    assert bench.invoke(spec).environment_id == bench.invoke(spec).environment_id


def test_concurrent_invocations_have_environments_of_their_own(open_bench: Workbench, tmp_path: Path) -> None:
    """Two invocations at once run in two processes; each waits for the other to prove it."""
    spec = open_bench.function(
        """
        import os, pathlib, time
        def handler(event, context):
            folder = pathlib.Path(event["folder"])
            (folder / event["mine"]).touch()
            while not (folder / event["other"]).exists():
                time.sleep(0.001)
            return os.getpid()
        """,
        memory_mb=128,
    )
    events = [
        {"folder": str(tmp_path), "mine": "a", "other": "b"},
        {"folder": str(tmp_path), "mine": "b", "other": "a"},
    ]

    with concurrent.futures.ThreadPoolExecutor() as pool:
        results = list(pool.map(lambda event: open_bench.invoke(spec, event), events))

    assert all(result.cold and result.function_error is None for result in results)
    assert len({result.environment_id for result in results}) == len({result.payload for result in results}) == 2


def test_twenty_invocations_at_once(one_bench: Workbench) -> None:
    """Many threads may invoke together; every one gets its own answer."""
    spec = one_bench.function("def handler(event, context): return event", memory_mb=128, cpu_limited=False)

    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda number: one_bench.answer(spec, number), range(60)))

    assert answers == list(range(60))


@pytest.mark.parametrize(
    "changed", [{"revision": "2"}, {"version": "2"}, {"memory_mb": 2048}, {"environment": {"A": "1"}}]
)
def test_another_revision_has_another_environment(one_bench: Workbench, changed: dict[str, object]) -> None:
    """What was deployed anew starts cold, and the old one is still warm for who asks for it."""
    spec = one_bench.function(PID)
    first = one_bench.answer(spec)

    assert one_bench.answer(replace(spec, **changed)) != first  # type: ignore[arg-type]
    assert one_bench.answer(spec) == first


def test_retired_function_starts_cold(one_bench: Workbench) -> None:
    """Retiring ends a function's environments, and no other function's with a longer name."""
    spec = one_bench.function(PID)
    other = one_bench.function(PID, name="other", arn=f"{spec.arn}oo")
    pid, other_pid = one_bench.answer(spec), one_bench.answer(other)

    one_bench.host.retire(spec.arn)

    assert not is_alive(pid)
    assert one_bench.invoke(spec).cold
    assert one_bench.answer(other) == other_pid


def test_environment_retired_at_work_ends_after_it(open_bench: Workbench, tmp_path: Path) -> None:
    """A busy environment gives its answer, and serves no further one."""
    spec = open_bench.function(
        """
        import os, pathlib, time
        def handler(event, context):
            folder = pathlib.Path(event)
            (folder / "begun").touch()
            while not (folder / "go-on").exists():
                time.sleep(0.001)
            return os.getpid()
        """
    )
    with concurrent.futures.ThreadPoolExecutor() as pool:
        answer = pool.submit(open_bench.answer, spec, str(tmp_path))
        wait_until((tmp_path / "begun").exists)
        open_bench.host.retire(spec.arn)
        (tmp_path / "go-on").touch()
        pid = answer.result()

    assert not is_alive(pid)
    assert open_bench.invoke(spec, str(tmp_path)).cold


def test_idle_environments_end(tmp_path: Path) -> None:
    """An environment that is not used for a while is ended."""
    with workbench(tmp_path, idle_limit_s=0.05) as bench:
        pid = bench.answer(bench.function(PID))
        wait_until(lambda: not is_alive(pid))


def test_oldest_idle_environment_makes_room(tmp_path: Path) -> None:
    """Not more than so many idle environments are kept; the one used least recently goes."""
    with workbench(tmp_path, most_idle_count=2) as bench:
        specs = [bench.function(PID, revision=str(number)) for number in range(3)]
        pids = [bench.answer(spec) for spec in specs]

        assert [is_alive(pid) for pid in pids] == [False, True, True]


def test_idle_environment_does_not_run(one_bench: Workbench) -> None:
    """Between invocations an environment is frozen, its background threads too; the next event wakes it."""
    spec = one_bench.function(
        """
        import os, threading
        def work():
            while True:
                pass
        def handler(event, context):
            if event == "start":
                threading.Thread(target=work, daemon=True).start()
            return os.getpid()
        """
    )
    process = psutil.Process(one_bench.answer(spec, "start"))

    wait_until(lambda: process.status() == psutil.STATUS_STOPPED)

    assert one_bench.answer(spec) == process.pid


def test_children_are_ended_at_the_time_out(bench: Workbench) -> None:
    """A time-out ends what the handler started, what has left its process group too."""
    spec = bench.function(
        """
        import subprocess, sys, time
        def handler(event, context):
            pids = []
            for apart in (False, True):
                command = [sys.executable, "-c", "import time; time.sleep(600)"]
                child = subprocess.Popen(command, start_new_session=apart)
                pids.append(str(child.pid))
            print("pids", *pids)
            time.sleep(600)
        """,
        timeout_s=3,
    )

    result = bench.invoke(spec)

    assert result.status == "timeout"
    (line,) = (message for message in bench.logs.messages() if message.startswith("pids"))
    pids = [int(word) for word in line.split()[1:]]
    assert len(pids) == 2
    wait_until(lambda: not any(map(is_alive, pids)))


def test_nothing_runs_after_close(tmp_path: Path) -> None:
    """Closing the host ends idle and busy environments and the watchdog, and removes their folders."""
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    with workbench(tmp_path, sandbox=NO_SANDBOX) as bench:
        bench.answer(bench.function(PID))
        hanging = bench.function(
            """
            import pathlib, time
            def handler(event, context):
                pathlib.Path(event).touch()
                time.sleep(600)
            """,
            name="hanging",
            timeout_s=900,
        )
        with concurrent.futures.ThreadPoolExecutor() as pool:
            ending = pool.submit(bench.invoke, hanging, str(tmp_path / "begun"))
            wait_until((tmp_path / "begun").exists)
            bench.host.close()
            assert ending.result().function_error == "Unhandled"
        assert {child.pid for child in psutil.Process().children(recursive=True)} <= before
        assert list((tmp_path / "work").iterdir()) == []
        with pytest.raises(ServiceError, match="closed"):
            bench.invoke(hanging, "")


def test_workers_die_with_the_host(tmp_path: Path) -> None:
    """A host process that is killed takes its workers along, a frozen one and its child too."""
    (tmp_path / "app.py").write_text(
        textwrap.dedent(
            """
            import os, subprocess, sys
            def handler(event, context):
                child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
                return [os.getpid(), child.pid]
            """
        )
    )
    program = f"""
import pathlib, sys
from tuner.embedded.host import ExecutionHost, FunctionSpec
folder = pathlib.Path({str(tmp_path)!r})
host = ExecutionHost({ENDPOINT_URL!r}, lambda *_: None, folder / "work", 2)
spec = FunctionSpec("arn:aws:lambda:us-east-1:1:function:f", "f", "1", folder, "app.handler", 1769, 30)
print(host.invoke(spec, b"1").payload.decode(), flush=True)
sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as host:
        assert host.stdout is not None
        pids = [int(word) for word in host.stdout.readline().strip(" []\n").split(",")]
        wait_until(lambda: psutil.Process(pids[0]).status() == psutil.STATUS_STOPPED)
        host.kill()

    wait_until(lambda: not any(map(is_alive, pids)))
    wait_until(lambda: list((tmp_path / "work").iterdir()) == [])


def test_environment_variables_are_lambdas(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A function sees what Lambda sets and what it was configured with, and nothing of this machine."""
    monkeypatch.setenv("MY_SECRET", "of this machine")
    monkeypatch.setenv("AWS_PROFILE", "production")
    spec = bench.function(
        "import os\ndef handler(event, context): return dict(os.environ)",
        environment={
            "TABLE": "orders",
            "AWS_ACCESS_KEY_ID": "AKIAREAL",
            "AWS_ENDPOINT_URL": "https://elsewhere.example",
        },
    )

    environment = bench.answer(spec)

    assert environment["TABLE"] == "orders"
    assert environment["AWS_ENDPOINT_URL"] == ENDPOINT_URL
    assert environment["AWS_ACCESS_KEY_ID"] == environment["AWS_SECRET_ACCESS_KEY"] == "local"
    assert environment["AWS_REGION"] == environment["AWS_DEFAULT_REGION"] == "eu-west-1"
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "f"
    assert environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "1769"
    assert environment["_HANDLER"] == "app.handler"
    assert environment["LAMBDA_TASK_ROOT"] == "/var/task"
    assert environment["TZ"] == ":UTC"
    assert environment["_X_AMZN_TRACE_ID"].endswith("Sampled=0")
    assert not environment.keys() & {
        "HOME",
        "TMPDIR",
        "MY_SECRET",
        "AWS_PROFILE",
        "PYTHONPATH",
    }
    assert "3.12" not in environment["AWS_EXECUTION_ENV"]


def test_real_aws_is_passed_on_request(tmp_path: Path) -> None:
    """With the user's word for it, a function gets the user's own AWS, whatever its variables say, and no endpoint."""
    (tmp_path / "home" / ".aws").mkdir(parents=True)
    (tmp_path / "home" / ".aws" / "config").write_text("[profile sandbox]")
    (tmp_path / "home" / "other").write_text("not for functions")
    users = {"AWS_PROFILE": "sandbox", "HOME": str(tmp_path / "home"), "SECRET": "of the shell"}
    with workbench(tmp_path / "bench", real_aws=users) as bench:
        spec = bench.function(
            """
            import os, pathlib
            def handler(event, context):
                home = pathlib.Path.home()
                return [dict(os.environ), (home / ".aws" / "config").read_text(), os.listdir(home)]
            """,
            environment={"AWS_PROFILE": "production", "AWS_RETRY_MODE": "standard"},
        )

        environment, configuration, at_home = bench.answer(spec)

    assert (environment["AWS_PROFILE"], environment["HOME"]) == ("sandbox", str(tmp_path / "home"))
    assert environment["AWS_RETRY_MODE"] == "standard"
    assert configuration == "[profile sandbox]"
    assert ".aws" in at_home
    assert not environment.keys() & {"AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "SECRET"}


def test_interpreter_without_awslambdaric_runs_the_bootstrap(one_bench: Workbench, tmp_path: Path) -> None:
    """A function may run under another interpreter, with nothing installed but its own."""
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "$@"\n')
    python.chmod(0o755)
    code = """
        import sys
        def handler(event, context): return [sys.flags.no_site, "awslambdaric" in sys.modules, context.function_name]
    """

    assert one_bench.answer(one_bench.function(code, interpreter=str(python))) == [1, False, "f"]


def test_missing_interpreter_is_named(one_bench: Workbench, tmp_path: Path) -> None:
    """An interpreter that is not there, or does not start, is refused with its path."""
    missing, broken = tmp_path / "no-python", tmp_path / "broken"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)

    for path in (missing, broken):
        with pytest.raises(InterpreterUnusable, match=path.name):
            one_bench.invoke(one_bench.function(PID, interpreter=str(path)))


def test_missing_code_folder_is_named(one_bench: Workbench, tmp_path: Path) -> None:
    """A function whose code is gone is refused with the folder's name."""
    with pytest.raises(ServiceError, match="gone"):
        one_bench.invoke(replace(one_bench.function(PID), code_dir=tmp_path / "gone"))


def test_handler_in_a_package(bench: Workbench) -> None:
    """A handler may be in a package, written with dots or with slashes."""
    spec = bench.function("")
    (spec.code_dir / "shop").mkdir()
    (spec.code_dir / "shop" / "orders.py").write_text("def handler(event, context): return __name__")

    assert bench.answer(replace(spec, handler="shop.orders.handler")) == "shop.orders"
    assert bench.answer(replace(spec, handler="shop/orders.handler")) == "shop.orders"


def test_interrupt_at_the_terminal_does_not_reach_workers(one_bench: Workbench) -> None:
    """Workers are in a session of their own, so that Ctrl-C is the command's alone."""
    spec = one_bench.function("import os\ndef handler(event, context): return [os.getpid(), os.getsid(0)]")

    pid, session = one_bench.answer(spec)

    assert session == pid != os.getsid(0)


def test_daemons_end_with_their_environment(one_bench: Workbench) -> None:
    """A process that cut its ties to the worker, by a double fork and a session of its own, is ended too."""
    spec = one_bench.function(
        """
        import os, time
        def handler(event, context):
            told, telling = os.pipe()
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    os.write(telling, str(os.getpid()).encode())
                    time.sleep(600)
                os._exit(0)
            os.wait()
            return int(os.read(told, 20))
        """
    )
    daemon = one_bench.answer(spec)
    assert is_alive(daemon)

    one_bench.host.retire(spec.arn)

    wait_until(lambda: not is_alive(daemon))


def test_worker_that_was_ended_while_idle_is_replaced(one_bench: Workbench) -> None:
    """An environment whose process is gone is not offered another event."""
    spec = one_bench.function(PID)
    pid = one_bench.answer(spec)
    os.kill(pid, 9)
    wait_until(lambda: not is_alive(pid))

    result = one_bench.invoke(spec)

    assert result.function_error is None
    assert result.cold


def test_function_that_invokes_another_is_not_blocked_by_it(open_bench: Workbench, tmp_path: Path) -> None:
    """While one function waits for another, the other gets to run although all cores are held."""
    cores = os.cpu_count() or 1
    waiting = open_bench.function(
        """
        import pathlib, time
        def handler(event, context):
            while not pathlib.Path(event).exists():
                time.sleep(0.05)
        """,
        name="waiting",
        arn="arn:aws:lambda:eu-west-1:123456789012:function:waiting",
        memory_mb=cores * 1769,
    )
    helping = open_bench.function(
        "import pathlib\ndef handler(event, context): pathlib.Path(event).touch()", memory_mb=1769
    )

    with concurrent.futures.ThreadPoolExecutor() as pool:
        outer = pool.submit(open_bench.invoke, waiting, str(tmp_path / "flag"))
        inner = pool.submit(open_bench.invoke, helping, str(tmp_path / "flag"))
        assert outer.result().function_error is None
        assert inner.result().function_error is None


@pytest.fixture
def portable_bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workbench]:
    """A host that knows of its workers only what psutil tells, as on macOS."""
    monkeypatch.setattr("tuner.embedded.host.worker.process_tree", PortableProcessTree)
    with workbench(tmp_path, force_bootstrap=True) as bench:
        yield bench


def test_portable_way_limits_cpu(portable_bench: Workbench) -> None:
    """Without /proc the share is coarser, but it is there, for children too."""
    spec = portable_bench.function(
        """
        import subprocess, sys, time
        def handler(event, context):
            while time.process_time() < 0.2:
                pass
            subprocess.run([sys.executable, "-I", "-S", "-c", "import time\\nwhile time.process_time() < 0.1: pass"])
        """,
        memory_mb=512,
    )

    result = portable_bench.invoke(spec)

    assert result.function_error is None
    assert result.duration_ms > 350  # about 900 by the share
    assert result.core_wait_ms == 0


def command_line(process: psutil.Process) -> str:
    """What a process runs; nothing for one that has ended, reaped or not."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:  # psutil's error for an unreaped one is of this kind too
        return ""


def test_portable_way_limits_memory_and_time(portable_bench: Workbench) -> None:
    """Without /proc memory and time are limited all the same."""
    spec = portable_bench.function(
        """
        import subprocess, sys, time
        def handler(event, context):
            if event == "memory":
                return len(bytearray(400 << 20))
            if event == "time":
                subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
                time.sleep(600)
        """,
        memory_mb=128,
        timeout_s=3,
    )

    assert portable_bench.answer(spec) is None
    assert portable_bench.invoke(spec, "memory").error_type == "Runtime.OutOfMemory"
    assert portable_bench.invoke(spec, "time").status == "timeout"
    portable_bench.host.close()
    assert not [
        child for child in psutil.Process().children(recursive=True) if "time.sleep(600)" in command_line(child)
    ]
