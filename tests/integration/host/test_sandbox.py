"""What a handler can and cannot do to this machine, by each of the means there are, and that nothing of it stays."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.host.conftest import Workbench, is_alive, wait_until, workbench
from tuner.embedded.host.sandbox import NO_SANDBOX, Sandbox, find_sandbox
from tuner.embedded.runtimes.python import own_paths

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the means are Linux's")

READ_ONLY, DENIED, MISSING, FULL = 30, 13, 2, 28

TRIES = """
    import os, shutil
    def tried(call, *arguments):
        try:
            return call(*arguments) and None
        except OSError as error:
            return error.errno
    def write(path):
        with open(path, "a") as file:
            file.write("x")
    def handler(event, context):
        return {path: tried(write, path) for path in event}
"""


@pytest.fixture(scope="module")
def sandboxed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """A host with the strongest means, which this system has."""
    assert find_sandbox() == Sandbox("namespaces")
    with workbench(tmp_path_factory.mktemp("sandboxed")) as bench:
        yield bench


@pytest.fixture
def landlocked(tmp_path: Path) -> Iterator[Workbench]:
    """A host as on a system that forbids user namespaces."""
    sandbox = find_sandbox(("landlock",))
    assert sandbox.means == "landlock"
    with workbench(tmp_path, sandbox=sandbox) as bench:
        yield bench


def test_only_tmp_can_be_written(sandboxed: Workbench, tmp_path: Path) -> None:
    """The task root, the user's home, /etc and /dev are read-only (Errno 30), by the errors of Lambda's file system."""
    spec = sandboxed.function(TRIES, name="tries")
    home = Path.home() / "lambda-tuner-test"

    answer = sandboxed.answer(spec, ["/tmp/x", "x", "/var/task/x", "/opt/x", "/etc/x", "/dev/x", str(home)])

    assert {path: error for path, error in answer.items() if error != READ_ONLY} == {
        path: None for path in ("/tmp/x", str(home)) if path.startswith("/tmp/")
    }
    assert not home.exists()
    assert [path.name for path in spec.code_dir.iterdir()] == ["app.py"]


def test_each_environment_begins_with_an_empty_tmp_of_its_own(sandboxed: Workbench) -> None:
    """What one environment leaves in /tmp its next invocation finds, and no other environment does, nor the user."""
    code = """
        import os, pathlib
        def handler(event, context):
            found = sorted(os.listdir("/tmp"))
            pathlib.Path("/tmp", event).touch()
            return found
    """
    # An interpreter that lies below /tmp is seen there.
    seen = sorted({Path(path).parts[2] for path in own_paths() if path.startswith("/tmp/")})
    small, large = (sandboxed.function(code, name="own", memory_mb=size, revision=str(size)) for size in (512, 1769))

    assert sandboxed.answer(small, "lambda-tuner-a") == seen
    assert sandboxed.answer(small, "lambda-tuner-b") == sorted(["lambda-tuner-a", *seen])
    assert sandboxed.answer(large, "lambda-tuner-c") == seen
    assert not list(Path("/tmp").glob("lambda-tuner-?"))


def test_handler_that_empties_tmp_does_not_empty_the_users(sandboxed: Workbench, tmp_path: Path) -> None:
    """``shutil.rmtree("/tmp")`` is public practice; a file of the user's outlives it."""
    assert str(tmp_path).startswith("/tmp/"), "the test's own folder must be where the handler looks"
    (tmp_path / "mine").touch()
    spec = sandboxed.function(
        """
        import os, shutil
        def handler(event, context):
            shutil.rmtree("/tmp", ignore_errors=True)
            return os.path.exists(event)
        """,
        name="rmtree",
    )

    assert sandboxed.answer(spec, str(tmp_path / "mine")) is False
    assert (tmp_path / "mine").exists()


def test_tmp_holds_the_ephemeral_storage(sandboxed: Workbench) -> None:
    """More than the function's size does not fit, and what is in /tmp is not memory of the function."""
    spec = sandboxed.function(
        """
        import os
        def handler(event, context):
            with open("/tmp/x", "wb") as file:
                try:
                    for _ in range(1100):
                        file.write(bytes(1 << 20))
                except OSError as error:
                    return [error.errno, os.stat("/tmp/x").st_size >> 20]
        """,
        name="full",
        ephemeral_storage_mb=600,
        memory_mb=512,
        timeout_s=60,
    )

    result = sandboxed.invoke(spec)

    assert json.loads(result.payload) == [FULL, 600]
    assert result.max_memory_used_mb < 200


def test_tmp_on_disk_is_watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A /tmp that is too large for memory lies on disk: the worker that overfills it ends with the write's error."""
    monkeypatch.setattr("tuner.embedded.host.worker.PHYSICAL_MEMORY_BYTES", 0)
    with workbench(tmp_path) as bench:
        spec = bench.function(
            """
            import time
            def handler(event, context):
                with open("/tmp/x", "wb") as file:
                    file.write(bytes(event << 20))
                time.sleep(60 if event > 1 else 0)
            """,
            ephemeral_storage_mb=1,
        )
        assert bench.invoke(spec, 0).function_error is None

        result = bench.invoke(spec, 3)

    assert json.loads(result.payload)["errorType"] == "OSError"
    assert "[Errno 28] No space left on device" in json.loads(result.payload)["errorMessage"]
    assert result.status == "error"


def test_what_lambda_lacks_is_missing(sandboxed: Workbench) -> None:
    """Without /dev/shm semaphores fail as this system's C library has them fail; the user has no home."""
    spec = sandboxed.function(
        """
        import getpass, multiprocessing, os
        def handler(event, context):
            try:
                multiprocessing.Semaphore()
            except OSError as error:
                failed = error.errno
            return [failed, os.path.exists("/dev/shm"), getpass.getuser(), os.path.expanduser("~"), os.getcwd()]
        """,
        name="lacks",
    )
    without = _errno_of_sem_open_without_shm()

    answer = sandboxed.answer(spec)

    assert answer == [without, False, "sbx_user1051", "/home/sbx_user1051", "/var/task"]


def _errno_of_sem_open_without_shm() -> int:
    """Ask the C library itself: Linux says that a folder is missing, older C libraries that it cannot be done (38)."""
    version = os.confstr("CS_GNU_LIBC_VERSION") or ""
    return MISSING if version.startswith("glibc") and tuple(map(int, version.split()[1].split("."))) >= (2, 34) else 38


def test_sandbox_cannot_be_left(sandboxed: Workbench) -> None:
    """A handler cannot mount, unmount, or signal what is not its own; also not where the user is root."""
    spec = sandboxed.function(
        """
        import ctypes, os
        def handler(event, context):
            libc = ctypes.CDLL(None, use_errno=True)
            undone = [libc.umount2(path, 2) for path in (b"/tmp", b"/var/task")]
            remounted = libc.mount(None, b"/", None, 32 | 4096, None)  # MS_REMOUNT | MS_BIND: writable again
            libc.unshare(0x10000000 | 0x20000)
            undone += [libc.umount2(path, 2) for path in (b"/tmp", b"/var/task")]
            remounted_again = libc.mount(None, b"/", None, 32 | 4096, None)
            try:
                os.kill(event, 0)
                signalled = True
            except PermissionError:
                signalled = False
            return [undone, remounted, remounted_again, signalled]
        """,
        name="leave",
    )

    assert sandboxed.answer(spec, os.getpid()) == [[-1] * 4, -1, -1, False]


def test_layers_are_at_opt(sandboxed: Workbench, tmp_path: Path) -> None:
    """A layer's files lie at /opt, and its modules are found."""
    (tmp_path / "python").mkdir()
    (tmp_path / "python" / "layered.py").write_text("where = __file__")
    (tmp_path / "note.txt").write_text("hello")
    spec = sandboxed.function(
        "import layered\ndef handler(event, context): return [layered.where, open('/opt/note.txt').read()]",
        name="layers",
        layers_dir=tmp_path,
    )

    assert sandboxed.answer(spec) == ["/opt/python/layered.py", "hello"]


def test_interpreter_in_tmp_is_seen(sandboxed: Workbench, tmp_path: Path) -> None:
    """A virtual environment works wherever it lies, in /tmp too; there alone it is seen, and read-only."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    spec = sandboxed.function(
        """
        import os, sys
        def handler(event, context):
            return [sys.prefix, sorted(os.listdir(event)), os.access(sys.prefix, os.W_OK)]
        """,
        name="venv",
        interpreter=str(tmp_path / "venv" / "bin" / "python"),
    )
    (tmp_path / "beside").touch()

    assert sandboxed.answer(spec, str(tmp_path)) == [str(tmp_path / "venv"), ["venv"], False]


def test_landlock_keeps_writing_to_the_environments_folder(landlocked: Workbench, tmp_path: Path) -> None:
    """Where user namespaces are forbidden the kernel refuses every other place, and tempfile works."""
    (tmp_path / "mine").write_text("mine")
    spec = landlocked.function(
        """
        import os, tempfile
        def attempt(call, *arguments):
            try:
                return call(*arguments) and None
            except OSError as error:
                return error.errno
        def handler(event, context):
            with tempfile.NamedTemporaryFile(delete=False) as file:
                file.write(b"x")
            open(os.devnull, "w").close()
            refused = [attempt(open, path, "w") for path in ("x", "/tmp/lambda-tuner-x", event)]
            return file.name, refused + [attempt(os.remove, event)]
        """
    )

    name, refused = landlocked.answer(spec, str(tmp_path / "mine"))

    assert refused == [DENIED] * 4
    assert (tmp_path / "mine").read_text() == "mine"
    assert Path(name).exists()
    landlocked.host.retire(spec.arn)
    assert not Path(name).exists()


def test_weaker_means_say_what_is_not_isolated_and_what_changes_it() -> None:
    """The strongest means has nothing to say; Landlock names the command, and both name what happens to /tmp."""
    assert not Sandbox("namespaces").warning
    assert "sudo sysctl" in Sandbox("landlock").warning or "--security-opt" in Sandbox("landlock").warning
    assert "--no-sandbox" in Sandbox("landlock").warning
    assert "not isolated" in NO_SANDBOX.warning


def test_means_are_found_by_trying() -> None:
    """Where the system forbids namespaces Landlock is found, and where there is neither, nothing."""
    program = (
        "from tuner.embedded.host.sandbox import find_sandbox; print(find_sandbox().means, find_sandbox(()).means)"
    )
    forbid = "echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --inh-caps=-all --bounding-set=-all"
    command = [
        "unshare",
        "--user",
        "--map-root-user",
        "sh",
        "-c",
        f'{forbid} "$@"',
        "sh",
        sys.executable,
        "-c",
        program,
    ]

    said = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3])

    if "unshare:" in said.stderr:
        pytest.skip("this system forbids user namespaces by itself")
    assert said.stdout.split() == ["landlock", "none"], said.stderr


def test_memory_of_a_daemon_counts(sandboxed: Workbench) -> None:
    """What a process has that was forked twice and cut its ties counts against the limit, and ends with the worker."""
    spec = sandboxed.function(
        """
        import os, subprocess, sys, time
        def handler(event, context):
            if os.fork() == 0:
                os.setsid()
                program = "import os, time; print('eater', os.getpid(), flush=True); x = b'1' * 10**9; time.sleep(99)"
                subprocess.Popen([sys.executable, "-c", program], env={})
                os._exit(0)
            os.wait()
            time.sleep(20)
        """,
        name="daemon",
        memory_mb=256,
    )

    result = sandboxed.invoke(spec)

    (line,) = (message for message in sandboxed.logs.messages() if message.startswith("eater"))
    assert result.error_type == "Runtime.OutOfMemory"
    assert not is_alive(int(line.split()[1]))


@pytest.mark.parametrize("means", ["namespaces", "landlock", "none"])
def test_daemons_with_a_clean_environment_end(tmp_path: Path, means: Any) -> None:
    """A daemon that carries nothing of its worker ends with it, by whatever means it was started."""
    with workbench(tmp_path, sandbox=Sandbox(means)) as bench:
        spec = bench.function(
            """
            import subprocess
            def handler(event, context):
                command = "setsid -f env -i sh -c 'echo $$; exec sleep 600'"
                return int(subprocess.Popen(command, shell=True, stdout=subprocess.PIPE).stdout.readline())
            """
        )
        daemon = bench.answer(spec)
        assert is_alive(daemon)

    assert not is_alive(daemon)


def test_daemon_of_a_worker_that_ends_by_itself_ends(sandboxed: Workbench) -> None:
    """It has no parent left, but it is in its environment's file system."""
    spec = sandboxed.function(
        """
        import os, subprocess
        def handler(event, context):
            subprocess.run("setsid -f env -i sh -c 'echo daemon $$; touch /tmp/told; exec sleep 600'", shell=True)
            while not os.path.exists("/tmp/told"):
                pass
            os._exit(3)
        """,
        name="exit",
    )

    result = sandboxed.invoke(spec)

    (line,) = (message for message in sandboxed.logs.messages() if message.startswith("daemon"))
    assert result.error_type == "Runtime.ExitError"
    wait_until(lambda: not is_alive(int(line.split()[1])))
