"""A user's own handler for ``try``: where its code begins, what to leave out, which interpreter runs it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tuner.cli.failures import UsageProblem
from tuner.embedded.runtimes import RUNTIMES, languages, runtime_of_file
from tuner.embedded.runtimes.python import PYTHON
from tuner.embedded.runtimes.runtime import Interpreter, InterpreterUnusable, Runtime, Source

_OTHER_LANGUAGES = {
    ".js": "Node.js", ".mjs": "Node.js", ".cjs": "Node.js", ".ts": "TypeScript", ".rb": "Ruby", ".java": "Java",
    ".jar": "Java", ".go": "Go", ".cs": "C#", ".rs": "Rust", ".php": "PHP",
}  # fmt: skip
_GENERIC_STEMS = frozenset({"app", "main", "handler", "index", "lambda_function", "function", "__init__"})


@dataclass(frozen=True, slots=True)
class HandlerCode:
    """A handler on disk, as Lambda needs it."""

    file: Path
    code_dir: Path
    """The folder that becomes the function's code."""
    handler: str
    """Lambda's name for it, relative to that folder, such as ``thumbnails.app.handler``."""
    function: str
    name: str
    """A short readable name for the function."""
    modules: frozenset[Path] = frozenset()
    """The handler's own files, as far as its imports tell: they are packed whatever ``.gitignore`` says."""
    missing: tuple[str, ...] = ()
    """Imports that are neither in its folder nor in the interpreter."""


def locate_handler(target: str, interpreter: str, code_root: Path | None = None) -> HandlerCode:
    """Find the code of ``path/to/app.py:handler``, or of a handler in Lambda's form: ``path/to/app.handler``.

    Lambda imports the handler's module with the function's root first on the path. So the code begins at the folder of
    the file, or above it: where the fewest imports are missing that would be found from another of these folders; the
    nearest if that is equal.

    Args:
        target: The handler; Lambda's form is relative to *code_root*, else to the current folder.
        interpreter: Runs the handler, and reads its source.
        code_root: Where the code begins, if that is known.

    Raises:
        UsageProblem: No such file, not Python, no such function in it, a syntax error, or not below *code_root*.
    """
    path, function, root, runtime = _file_of(target, code_root)
    resolved = path.parent.resolve() / path.name  # a link to a file is packed as a file where it is
    roots = [root.resolve()] if root is not None else _possible_roots(resolved)
    seen = _read_source(runtime, interpreter, path, resolved, roots)
    if function not in seen.names and not seen.may_have_more:
        found = ", ".join(seen.functions) or "no function"
        raise UsageProblem(
            f"{path} has no function {function!r}.",
            hint=f"Name one after a colon, as in {path}:handler. The file has: {found}.",
        )
    imports, code_dir = min(zip(seen.imports, roots, strict=False), key=lambda pair: pair[0].misplaced)
    if not resolved.is_relative_to(code_dir):
        raise UsageProblem(
            f"{path} is not in the folder where its code begins, {code_dir}.",
            hint="Name a folder above the file with --code-root.",
        )
    handler = runtime.handler_of(resolved.relative_to(code_dir), function)
    stem = resolved.parent.name if resolved.stem in _GENERIC_STEMS else resolved.stem
    return HandlerCode(resolved, code_dir, handler, function, stem, imports.modules, imports.missing)


def file_of_handler(handler: str, root: Path) -> Path | None:
    """The file of a handler as Lambda names it, ``folder/module.function``; ``None`` if there is none."""
    return next(filter(None, (runtime.file_of(handler, root) for runtime in RUNTIMES)), None)


def _file_of(target: str, code_root: Path | None) -> tuple[Path, str, Path | None, Runtime]:
    path_text, _, function = target.rpartition(":")
    if not path_text or os.sep in function:
        path_text, function = target, "handler"
    path = Path(path_text).expanduser()
    if code_root is not None and not path.exists():
        path = code_root / path
    runtime = runtime_of_file(path)
    if runtime is None and (language := _OTHER_LANGUAGES.get(path.suffix.lower())):
        raise UsageProblem(
            f"{path} is {language}: `try` runs {languages()} handlers only.",
            hint="Deploy the function and tune it in your account: lambda-tuner tune FUNCTION.",
        )
    if path.is_dir():
        raise UsageProblem(f"{path} is a folder.", hint=f"Name the file and the function: {path / 'app.py'}:handler.")
    if not path.is_file():
        root = code_root or Path.cwd()
        file = file_of_handler(target, root)
        if file is not None and (runtime := runtime_of_file(file)):
            return file, target.rpartition(".")[2], root, runtime
        raise UsageProblem(f"There is no file {path}.", hint="Write it as path/to/app.py:handler.")
    if runtime is None:
        raise UsageProblem(f"{path} is not a {languages()} file.", hint="Write it as path/to/app.py:handler.")
    return path, function, code_root, runtime


def _possible_roots(file: Path) -> list[Path]:
    """The file's folder and those above it, up to the project's, which has ``.git``, and below the user's home."""
    roots = [file.parent]
    for folder in file.parent.parents:
        if roots[-1] == Path.home() or (roots[-1] / ".git").exists() or folder in (Path.home(), Path(folder.anchor)):
            break
        roots.append(folder)
    return roots


def _read_source(runtime: Runtime, interpreter: str, path: Path, resolved: Path, roots: Sequence[Path]) -> Source:
    """Let the interpreter read the handler's source: its grammar counts, and what it can import."""
    try:
        seen = runtime.read_source(interpreter, resolved, roots)
    except InterpreterUnusable as error:
        raise UsageProblem(error.message, hint=_ANOTHER) from error
    if seen.problem:
        where = f"{path}, line {seen.line}" if seen.line else str(path)
        raise UsageProblem(
            f"{where}: not valid for {interpreter}: {seen.problem}.",
            hint=f"If it is written for a newer {runtime.language}, name that with --python PATH.",
        )
    return seen


def function_name_for(name: str) -> str:
    """Name the function on the embedded AWS after its code; at most 64 characters, Lambda's limit.

    Example:
        >>> function_name_for("Thumb nails!")
        'try-Thumb-nails'
    """
    readable = re.sub(r"[^A-Za-z0-9_]+", "-", name).strip("-")[:50].strip("-")
    return f"try-{readable or 'handler'}"


_ANOTHER = "Name another one with --python PATH."


def choose_interpreter(named: str | None, environment: Mapping[str, str], runtime: Runtime = PYTHON) -> Interpreter:
    """Choose the program that runs the handler, which has its dependencies: what ``--python`` names, else the best.

    Raises:
        UsageProblem: The named one is not there or cannot run handlers.
    """
    if named is not None:
        found = shutil.which(named) or shutil.which(named, path=environment.get("PATH"))
        if found is None:
            raise UsageProblem(f"--python {named} is not a program that can be run.", hint=_ANOTHER)
    problem: InterpreterUnusable | None = None
    for program, reason in [(found, "--python")] if named is not None else runtime.programs(environment):
        try:
            interpreter = runtime.interpreter(program)
        except InterpreterUnusable as error:
            problem = error
        else:
            return replace(interpreter, path=interpreter.program, chosen_because=reason)
    raise UsageProblem(problem.message if problem else f"No {runtime.language} was found.", hint=_ANOTHER) from problem
