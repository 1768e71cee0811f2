"""A user's own handler for ``try``: where its code begins, what to leave out, which interpreter runs it."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tuner.cli.failures import UsageProblem

_OTHER_LANGUAGES = {
    ".js": "Node.js", ".mjs": "Node.js", ".cjs": "Node.js", ".ts": "TypeScript", ".rb": "Ruby", ".java": "Java",
    ".jar": "Java", ".go": "Go", ".cs": "C#", ".rs": "Rust", ".php": "PHP",
}  # fmt: skip
OLDEST_PYTHON = (3, 9)
"""Older ones have no Lambda runtime any more ("Lambda runtimes", seen 2026-11)."""

_GENERIC_STEMS = frozenset({"app", "main", "handler", "index", "lambda_function", "function", "__init__"})


@dataclass(frozen=True, slots=True)
class HandlerCode:
    """A Python handler on disk, as Lambda needs it."""

    code_dir: Path
    """The folder that becomes the function's code."""
    handler: str
    """Module and function, such as ``thumbnails.app.handler``, relative to that folder."""
    name: str
    """A short readable name for the function."""


def locate_handler(target: str) -> HandlerCode:
    """Find the code of ``path/to/app.py:handler``.

    The code begins at the folder of the file, or above the outermost package
    that the file belongs to, so that its own imports work as on Lambda.

    Raises:
        UsageProblem: No such file, not Python, no such function in it, or a syntax error.
    """
    path_text, _, function = target.rpartition(":")
    if not path_text or os.sep in function:
        path_text, function = target, "handler"
    path = Path(path_text).expanduser()
    if language := _OTHER_LANGUAGES.get(path.suffix.lower()):
        raise UsageProblem(
            f"{path} is {language}: `try` runs Python handlers only.",
            hint="Deploy the function and tune it in your account: lambda-tuner tune FUNCTION.",
        )
    if path.is_dir():
        raise UsageProblem(f"{path} is a folder.", hint=f"Name the file and the function: {path / 'app.py'}:handler.")
    if not path.is_file():
        raise UsageProblem(f"There is no file {path}.", hint="Write it as path/to/app.py:handler.")
    if path.suffix != ".py":
        raise UsageProblem(f"{path} is not a Python file.", hint="Write it as path/to/app.py:handler.")
    _require_function(path, function)
    resolved = path.resolve()
    code_dir = resolved.parent
    while (code_dir / "__init__.py").is_file() and code_dir.parent != code_dir:
        code_dir = code_dir.parent
    module = ".".join(resolved.relative_to(code_dir).with_suffix("").parts)
    stem = resolved.parent.name if resolved.stem in _GENERIC_STEMS else resolved.stem
    return HandlerCode(code_dir, f"{module}.{function}", stem)


def _require_function(path: Path, function: str) -> None:
    try:
        tree = ast.parse(path.read_bytes(), filename=str(path))
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        where = f"{path}, line {line}" if line else str(path)
        raise UsageProblem(f"{where}: not valid Python: {getattr(error, 'msg', error)}.") from error
    names: set[str] = set()
    functions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name[0] != "_"]
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                names.add(name)
            case ast.ClassDef(name=name) | ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
            case ast.ImportFrom(names=aliases) | ast.Import(names=aliases):
                if any(alias.name == "*" for alias in aliases):
                    return
                names.update(alias.asname or alias.name for alias in aliases)
            case _:
                pass
    if function not in names:
        found = ", ".join(functions) or "no function"
        raise UsageProblem(
            f"{path} has no function {function!r}.",
            hint=f"Name one behind a colon, as in {path}:handler. The file has: {found}.",
        )


def function_name_for(name: str) -> str:
    """Name the function on the embedded AWS after its code; at most 64 characters, Lambda's limit.

    Example:
        >>> function_name_for("Thumb nails!")
        'try-Thumb-nails'
    """
    readable = re.sub(r"[^A-Za-z0-9_]+", "-", name).strip("-")[:50].strip("-")
    return f"try-{readable or 'handler'}"


@dataclass(frozen=True, slots=True)
class Interpreter:
    """The Python that runs the user's handler, with the user's dependencies in it."""

    path: str
    version: str
    chosen_because: str

    @property
    def runtime(self) -> str:
        """Lambda's name for its version."""
        return "python" + ".".join(self.version.split(".")[:2])


def choose_interpreter(named: str | None, environment: Mapping[str, str]) -> Interpreter:
    """Choose the interpreter: ``--python``, the active virtual environment's, python3 on PATH, our own.

    Raises:
        UsageProblem: The named one is not there or is no Python 3.
    """
    candidates: list[tuple[str | None, str]] = []
    if named is not None:
        found = shutil.which(named) or shutil.which(named, path=environment.get("PATH"))
        if found is None:
            raise UsageProblem(f"--python {named} is not a program that can be run.")
        candidates = [(found, "--python")]
    else:
        virtual = environment.get("VIRTUAL_ENV")
        if virtual:
            candidates.append((str(Path(virtual) / "bin" / "python"), "the active virtual environment"))
        candidates.append((shutil.which("python3", path=environment.get("PATH")), "python3 on PATH"))
        candidates.append((sys.executable, "lambda-tuner's own"))
    for path, reason in candidates:
        if path and (answer := _ask_python(path)):
            version, executable = answer
            if tuple(map(int, version.split(".")[:2])) < OLDEST_PYTHON:
                if named is None:
                    continue
                raise UsageProblem(
                    f"{path} is Python {version}; the handler needs {'.'.join(map(str, OLDEST_PYTHON))} or later, "
                    "as on Lambda.",
                    hint="Name another one with --python PATH.",
                )
            return Interpreter(executable or path, version, reason)
    raise UsageProblem(
        f"{candidates[0][0]} is not a Python 3 that can be run.", hint="Name another one with --python PATH."
    )


def _ask_python(path: str) -> tuple[str, str] | None:
    """Ask for version and program: what is on the path may be a shim that chooses anew at each start."""
    question = "import sys; print('%d.%d.%d' % sys.version_info[:3]); print(sys.executable)"
    try:
        answer = subprocess.run([path, "-I", "-c", question], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    version, _, executable = answer.stdout.strip().partition("\n")
    numbers = re.fullmatch(r"3\.\d+\.\d+", version)
    return (version, executable.strip()) if answer.returncode == 0 and numbers else None
