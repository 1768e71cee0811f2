"""A user's own handler for ``try``: where its code begins, what to leave out, which interpreter runs it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuner.cli.failures import UsageProblem

_OTHER_LANGUAGES = {
    ".js": "Node.js", ".mjs": "Node.js", ".cjs": "Node.js", ".ts": "TypeScript", ".rb": "Ruby", ".java": "Java",
    ".jar": "Java", ".go": "Go", ".cs": "C#", ".rs": "Rust", ".php": "PHP",
}  # fmt: skip
OLDEST_PYTHON = (3, 9)
"""Older ones have no Lambda runtime any more ("Lambda runtimes", seen 2026-11)."""

_PROBE = Path(__file__).with_name("source_probe.py")

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
    modules: frozenset[Path] = frozenset()
    """The handler's own files, as far as its imports tell: they are packed whatever ``.gitignore`` says."""
    missing: tuple[str, ...] = ()
    """Imports that are neither in its folder nor in the interpreter."""


def locate_handler(target: str, interpreter: str, code_root: Path | None = None) -> HandlerCode:
    """Find the code of ``path/to/app.py:handler``, or of a handler in Lambda's form: ``path/to/app.handler``.

    Lambda imports the handler's module with the function's root first on the
    path. So the code begins at the folder of the file, or above it: where the
    fewest imports are missing that would be found from another of these
    folders; the nearest where that is equal.

    Args:
        target: The handler; Lambda's form is relative to *code_root*, else to the current folder.
        interpreter: Runs the handler, and reads its source.
        code_root: Where the code begins, if that is known.

    Raises:
        UsageProblem: No such file, not Python, no such function in it, a
            syntax error, or not below *code_root*.
    """
    path, function, root = _file_of(target, code_root)
    resolved = path.parent.resolve() / path.name  # a link to a file is packed as a file where it is
    roots = [root.resolve()] if root is not None else _possible_roots(resolved)
    seen = _read_source(interpreter, path, resolved, roots)
    _require_function(path, function, seen)
    fewest = min(seen["roots"], key=lambda row: int(row["misplaced"]))
    code_dir = roots[seen["roots"].index(fewest)]
    if not resolved.is_relative_to(code_dir):
        raise UsageProblem(
            f"{path} is not in the folder where its code begins, {code_dir}.",
            hint="Name a folder above the file with --code-root.",
        )
    module = ".".join(resolved.relative_to(code_dir).with_suffix("").parts)
    stem = resolved.parent.name if resolved.stem in _GENERIC_STEMS else resolved.stem
    modules = frozenset(map(Path, fewest["modules"]))
    return HandlerCode(code_dir, f"{module}.{function}", stem, modules, tuple(fewest["missing"]))


def file_of_handler(handler: str, root: Path) -> Path | None:
    """The file of a handler as Lambda names it, ``folder/module.function``; ``None`` where there is none."""
    module, _, _ = handler.replace("/", ".").rpartition(".")
    file = root.joinpath(*module.split(".")).with_suffix(".py") if module else None
    return file if file is not None and file.is_file() else None


def _file_of(target: str, code_root: Path | None) -> tuple[Path, str, Path | None]:
    path_text, _, function = target.rpartition(":")
    if not path_text or os.sep in function:
        path_text, function = target, "handler"
    path = Path(path_text).expanduser()
    if code_root is not None and not path.exists():
        path = code_root / path
    if language := _OTHER_LANGUAGES.get(path.suffix.lower()):
        raise UsageProblem(
            f"{path} is {language}: `try` runs Python handlers only.",
            hint="Deploy the function and tune it in your account: lambda-tuner tune FUNCTION.",
        )
    if path.is_dir():
        raise UsageProblem(f"{path} is a folder.", hint=f"Name the file and the function: {path / 'app.py'}:handler.")
    if not path.is_file():
        root = code_root or Path.cwd()
        if file := file_of_handler(target, root):
            return file, target.rpartition(".")[2], root
        raise UsageProblem(f"There is no file {path}.", hint="Write it as path/to/app.py:handler.")
    if path.suffix != ".py":
        raise UsageProblem(f"{path} is not a Python file.", hint="Write it as path/to/app.py:handler.")
    return path, function, code_root


def _possible_roots(file: Path) -> list[Path]:
    """The file's folder and those above it, up to the project's, which has ``.git``, and below the user's home."""
    roots = [file.parent]
    for folder in file.parent.parents:
        if roots[-1] == Path.home() or (roots[-1] / ".git").exists() or folder in (Path.home(), Path(folder.anchor)):
            break
        roots.append(folder)
    return roots


def _read_source(interpreter: str, path: Path, resolved: Path, roots: Sequence[Path]) -> dict[str, Any]:
    """Let the interpreter read the handler's source: its grammar counts, and what it can import."""
    words = [interpreter, "-E", str(_PROBE), str(resolved), *map(str, roots)]
    try:
        answer = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
        seen: dict[str, Any] = json.loads(answer.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise UsageProblem(
            f"{interpreter} cannot read {path}: {getattr(error, 'stderr', None) or error}".strip(),
            hint="Name another Python with --python PATH.",
        ) from error
    if "problem" in seen:
        where = f"{path}, line {seen['line']}" if seen["line"] else str(path)
        raise UsageProblem(
            f"{where}: not valid for {interpreter}: {seen['problem']}.",
            hint="If it is written for a newer Python, name that with --python PATH.",
        )
    return seen


def _require_function(path: Path, function: str, seen: Mapping[str, Any]) -> None:
    if function not in seen["names"] and not seen["star"]:
        found = ", ".join(seen["functions"]) or "no function"
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
