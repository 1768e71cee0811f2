"""Python, as Lambda runs it."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

from tuner.embedded.runtimes.runtime import Imports, Interpreter, InterpreterUnusable, Source

OLDEST = (3, 9)
"""Older ones have no Lambda runtime any more ("Lambda runtimes", seen 2026-11)."""

_BOOTSTRAP = Path(__file__).with_name("python_bootstrap.py")
_SOURCE = Path(__file__).with_name("python_source.py")

_OF_LAMBDA = frozenset({"boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3"})
"""What Lambda's Python has besides the standard library: boto3 and what that needs.

Source: a listing of the runtime's folder, https://github.com/aio-libs/aiobotocore/issues/833, seen 2026-11.
"""

_PROBE = """
import json, os, sys
try:
    import awslambdaric.bootstrap, runtime_client
    has_client = sys.platform == "linux"
except Exception:
    has_client = False
base = [getattr(sys, name, "") for name in ("prefix", "base_prefix", "exec_prefix")]
paths = [path for path in [os.path.dirname(sys.executable)] + base + sys.path if path]
print(json.dumps([list(sys.version_info[:3]), has_client, sys.executable, paths]))
"""

_IMPORT = """
import json, os, sys, traceback
sys.path[0] = os.getcwd()
try:
    __import__(sys.argv[1])
except BaseException as error:
    traceback.print_exception(type(error), error, error.__traceback__.tb_next)
    sys.stderr.flush()
    print("\\n" + json.dumps([type(error).__name__, str(error)]), flush=True)
    os._exit(1)
os._exit(0)
"""
"""Ends at once: threads that the module started are not waited for, as Lambda waits for none."""


class _Python:
    """Runs handlers under any Python from 3.9 on."""

    language = "Python"
    family = "python"
    suffix = ".py"
    path_variable = "PYTHONPATH"

    def programs(self, environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """The active virtual environment's, python3 on PATH, our own."""
        if virtual := environment.get("VIRTUAL_ENV"):
            yield str(Path(virtual) / "bin" / "python"), "the active virtual environment"
        if on_path := shutil.which("python3", path=environment.get("PATH")):
            yield on_path, "python3 on PATH"
        yield sys.executable, "lambda-tuner's own"

    def interpreter(self, program: str | None) -> Interpreter:
        """Ask the program for its version and for AWS's client; what runs us is not asked."""
        path = os.path.expanduser(program or sys.executable)  # noqa: PTH111 - Path would change the name that was given
        if path == sys.executable:
            return _own()
        try:
            changed_at_ns = os.stat(path).st_mtime_ns  # noqa: PTH116 - follows the link, as the start does
        except OSError as error:
            raise InterpreterUnusable(
                f"The interpreter {path!r} does not exist ({error.strerror}).",
                hint="Name an existing Python, such as that of the virtual environment with the handler's "
                "dependencies.",
            ) from error
        return _ask(path, changed_at_ns)

    def command(self, interpreter: Interpreter, handler: str, *, own_client: bool) -> list[str]:
        """awslambdaric, or our bootstrap by its path."""
        if interpreter.has_runtime_client and not own_client:
            return [interpreter.path, "-m", "awslambdaric", handler]
        return [interpreter.path, str(_BOOTSTRAP), handler]

    def import_command(self, interpreter: Interpreter, handler: str) -> list[str]:
        """By a program of a few lines."""
        return [interpreter.path, "-c", _IMPORT, handler.rpartition(".")[0].replace("/", ".")]

    def variables(self, *, writes_caches: bool) -> Mapping[str, str]:
        """Nothing of the user's own folders is imported, and byte code is written only if that was asked for."""
        variables = {"PYTHONUNBUFFERED": "1", "PYTHONNOUSERSITE": "1"}
        return variables if writes_caches else {**variables, "PYTHONDONTWRITEBYTECODE": "1"}

    def layer_folders(self, layers_dir: Path) -> list[Path]:
        """``python``, and the ``site-packages`` below it."""
        root = layers_dir / "python"
        return [path for path in (root, *sorted(root.glob("lib/python3.*/site-packages"))) if path.is_dir()]

    def handler_of(self, file: PurePath, function: str) -> str:
        """``folder.module.function``."""
        return ".".join([*file.with_suffix("").parts, function])

    def file_of(self, handler: str, root: Path) -> Path | None:
        """With dots or slashes between folders."""
        module, _, _ = handler.replace("/", ".").rpartition(".")
        file = root.joinpath(*module.split(".")).with_suffix(self.suffix) if module else None
        return file if file is not None and file.is_file() else None

    def read_source(self, program: str, file: Path, roots: Sequence[Path]) -> Source:
        """By ``python_source.py``, which that program runs."""
        words = [program, "-E", str(_SOURCE), str(file), *map(str, roots)]
        try:
            answer = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
            seen: dict[str, Any] = json.loads(answer.stdout)
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            why = getattr(error, "stderr", None) or error
            raise InterpreterUnusable(f"{program} cannot read {file}: {why}".strip()) from error
        if "problem" in seen:
            return Source(seen["problem"], seen["line"])
        imports = tuple(
            Imports(tuple(row["missing"]), int(row["misplaced"]), frozenset(map(Path, row["modules"])))
            for row in seen["roots"]
        )
        names, functions = frozenset(seen["names"]), tuple(seen["functions"])
        return Source(names=names, functions=functions, may_have_more=seen["star"], imports=imports)

    def missing_of_lambda(self, program: str, missing: Sequence[str], layers: Sequence[Path]) -> str:
        """On boto3 and what it needs, unless a layer has it."""
        lacking = sorted({name.partition(".")[0] for name in missing} & _OF_LAMBDA)
        lacking = [name for name in lacking if not any(any(layer.glob(f"python/{name}*")) for layer in layers)]
        if not lacking:
            return ""
        return (
            f"The handler imports {' and '.join(lacking)}, which Lambda's Python has and {program} does not. "
            f"Install it: {program} -m pip install boto3."
        )


PYTHON = _Python()


@functools.cache
def own_paths() -> tuple[str, ...]:
    """What the interpreter that runs us needs to see of the file system to run."""
    ours = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return tuple({sys.prefix, sys.base_prefix, sys.exec_prefix, *(path for path in sys.path if path not in ours)})


@functools.cache
def _own() -> Interpreter:
    has_client = sys.platform == "linux" and all(map(importlib.util.find_spec, ("awslambdaric", "runtime_client")))
    return _described(sys.executable, sys.version_info[:3], sys.executable, has_client, own_paths())


@functools.cache
def _ask(path: str, changed_at_ns: int) -> Interpreter:  # noqa: ARG001 - part of the cache's key
    try:
        done = subprocess.run([path, "-I", "-c", _PROBE], capture_output=True, check=True, timeout=30)
        version, has_client, program, paths = json.loads(done.stdout.splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
        raise InterpreterUnusable(
            f"The interpreter {path} is not a Python that can be run ({_reason(error)}).",
            hint="Name a working Python, 3.9 or newer.",
        ) from error
    if tuple(version) < OLDEST:
        raise InterpreterUnusable(
            f"{path} is Python {'.'.join(map(str, version))}; the handler needs {'.'.join(map(str, OLDEST))} or later, "
            "as on Lambda.",
            hint="Name a Python 3.9 or newer.",
        )
    if Path(path).parent.name == "shims":
        path = program  # pyenv's and asdf's stand-ins need the user's environment, which a worker does not have
    return _described(path, version, program, has_client, (*paths, path, os.path.realpath(path)))


def _described(path: str, version: Sequence[int], program: str, has_client: bool, paths: Sequence[str]) -> Interpreter:
    major, minor, *_ = version
    return Interpreter(
        path=path,
        runtime=f"python{major}.{minor}",
        version=".".join(map(str, version)),
        program=program or path,
        has_runtime_client=has_client,
        paths=(*paths, str(_BOOTSTRAP)),
    )


def _reason(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        said = error.stderr.decode(errors="replace").strip().splitlines()
        return said[-1].strip() if said else f"exit status {error.returncode}"
    return f"{type(error).__name__}: {error}" if not isinstance(error, subprocess.TimeoutExpired) else "no answer"
