"""Put together the deployment package of one function, without Docker.

``sam build`` calls this through ``tuner/Makefile``. A package holds only what
its handler needs: the modules of ``tuner`` that can be reached from the handler
by import statements, with the data files beside them, and one of three sets of
dependencies (``base.txt``, ``search.txt``, ``report.txt``).

Dependencies are installed once for each set and architecture and kept in
``build/dependencies/``; the twelve packages are then links to those files.
Where a Python 3.13 is at hand, byte code is added, which halves the imports of
a cold start; without one the package works the same, only slower to begin.
Only Python's standard library and pip are used, so that any Python 3.11 or
later can build for Lambda's Python 3.13.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PACKAGES = Path(__file__).resolve().parent
ROOT = PACKAGES.parent
RUNTIME_VERSION = "3.13"

DEPENDENCIES = {
    "Plan": "base",
    "CopyCode": "base",
    "Suggest": "search",
    "CreateClones": "base",
    "Measure": "base",
    "Recommend": "search",
    "Restore": "base",
    "Report": "report",
    "ExplainFailure": "base",
    "Sweep": "base",
    "ListFleet": "base",
    "Digest": "report",
}
"""Set of dependencies of each function, by the function's logical id without ``Function``."""

SERVICES = ("cloudwatch", "iam", "lambda", "logs", "resourcegroupstaggingapi", "s3", "stepfunctions", "xray")
"""Services whose models stay in botocore: those that a handler makes a client of, and the tracer; all weigh 28 MB."""

WHEEL_PLATFORMS = {
    "arm64": ("manylinux_2_28_aarch64", "manylinux_2_27_aarch64", "manylinux2014_aarch64"),
    "x86_64": ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux2014_x86_64"),
}
"""Wheels that run on Amazon Linux 2023 (glibc 2.34), Lambda's Python 3.13."""


def handler_name(function: str) -> str:
    """Turn a logical id into its handler's module: ``CopyCode`` into ``copy_code``."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in function).lstrip("_")


def reachable_modules(entry: str, source: Path) -> set[str]:
    """Follow import statements, also those inside functions, from one module of ``tuner``.

    Args:
        entry: Dotted name of the module to start at.
        source: Folder that holds the package ``tuner``.

    Returns:
        Dotted names of every module of ``tuner`` that can be imported from
        there, packages on the way included.
    """
    found: set[str] = set()
    waiting = [entry]
    while waiting:
        name = waiting.pop()
        if name in found or module_path(name, source) is None:
            continue
        found.add(name)
        waiting.extend(parents(name))
        waiting.extend(imported_names(name, source))
    return found


def parents(name: str) -> Iterator[str]:
    """Give the packages that importing *name* imports first."""
    parts = name.split(".")
    return (".".join(parts[:end]) for end in range(1, len(parts)))


def module_path(name: str, source: Path) -> Path | None:
    """Find the file of a dotted module name; none where it is not a module of ours."""
    if not f"{name}.".startswith("tuner."):
        return None
    place = source.joinpath(*name.split("."))
    candidates = (place / "__init__.py", place.with_suffix(".py"))
    return next((path for path in candidates if path.is_file()), None)


def imported_names(name: str, source: Path) -> Iterator[str]:
    """Give every dotted name that a module may import; ``from a import b`` may mean the module ``a.b``.

    Imports for the type checker alone are left out.
    """
    path = module_path(name, source)
    assert path is not None
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in statements_at_run_time(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def statements_at_run_time(tree: ast.AST) -> Iterator[ast.AST]:
    """Walk a syntax tree without the bodies of ``if TYPE_CHECKING``."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            waiting.extend(node.orelse)
        else:
            waiting.extend(ast.iter_child_nodes(node))


def copy_source(function: str, source: Path, target: Path) -> None:
    """Copy the modules that a function reaches, and the data files of the packages among them."""
    for name in sorted(reachable_modules(f"tuner.handlers.{handler_name(function)}", source)):
        path = module_path(name, source)
        assert path is not None
        copy_file(path, target / path.relative_to(source))
        if path.name == "__init__.py" and name != "tuner":
            for data in data_files(path.parent):
                copy_file(data, target / data.relative_to(source))


def data_files(package: Path) -> Iterator[Path]:
    """Give the files of a package that are not Python, in folders that are not packages themselves."""
    for path in sorted(package.iterdir()):
        if path.is_dir() and path.name != "__pycache__" and not (path / "__init__.py").exists():
            yield from (file for file in sorted(path.rglob("*")) if file.is_file() and "__pycache__" not in file.parts)
        elif path.is_file() and path.suffix not in {".py", ".pyi", ".pyc"} and path.name != "py.typed":
            yield path


def copy_file(path: Path, target: Path) -> None:
    """Copy one file, making the folders above it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, target)


def locked_requirements(dependencies: str) -> str:
    """Give one set of dependencies with the hashes that requirements.lock has for them.

    Raises:
        SystemExit: One of them is not locked at its version.
    """
    text = (PACKAGES / f"{dependencies}.txt").read_text(encoding="utf-8") + (PACKAGES / "base.txt").read_text(
        encoding="utf-8"
    )
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    found = []
    for pin in sorted(set(re.findall(r"^[a-z0-9._-]+==\S+", text, flags=re.MULTILINE))):
        locked = re.search(
            rf"^{re.escape(pin)}(?: ;[^\n]*)? \\\n((?: +--hash=\S+(?: \\)?\n)+)", lock, flags=re.MULTILINE
        )
        if locked is None:
            raise SystemExit(f"requirements.lock has no {pin}, which packages/ names. Run scripts/check-locks.")
        found.append(f"{pin} \\\n{locked[1]}")
    return "".join(found)


def install_dependencies(dependencies: str, architecture: str) -> Path:
    """Install one set of dependencies for Lambda, or find it installed before.

    Returns:
        The folder that holds them.

    Raises:
        subprocess.CalledProcessError: pip could not install them.
    """
    requirements = locked_requirements(dependencies)
    made_by = Path(__file__).read_bytes() + str(runtime_python() is not None).encode()
    key = hashlib.sha256(requirements.encode() + made_by).hexdigest()[:12]
    target = ROOT / "build" / "dependencies" / f"{dependencies}-{architecture}-{key}"
    target.parent.mkdir(parents=True, exist_ok=True)
    with only_one(target.with_suffix(".lock")):
        if target.is_dir():
            return target
        unfinished = target.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        locked = target.with_suffix(".requirements")
        locked.write_text(requirements, encoding="utf-8")
        platforms = [option for name in WHEEL_PLATFORMS[architecture] for option in ("--platform", name)]
        subprocess.run(
            [
                *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
                *("--require-hashes", "--no-deps", "--no-compile", "--only-binary=:all:", "--implementation", "cp"),
                # pip compares Requires-Python with the Python that runs it, not with --python-version; the wheels'
                # tags, which it does compare with that one, are enough for exact versions.
                *("--python-version", RUNTIME_VERSION, "--ignore-requires-python", *platforms),
                *("--target", str(unfinished), "--requirement", str(locked)),
            ],
            check=True,
            stdout=sys.stderr,
        )
        remove_needless(unfinished)
        compile_for_runtime(unfinished)
        unfinished.rename(target)
    return target


@contextlib.contextmanager
def only_one(lock: Path) -> Iterator[None]:
    """Let one build at a time work on a folder: ``sam build --parallel`` starts several."""
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def remove_needless(folder: Path) -> None:
    """Remove what no function loads: tests, type stubs, headers, commands, static libraries, models of other services.

    Of each ``.dist-info`` the ``METADATA`` stays, for ``importlib.metadata.version``,
    and the licence texts, as the licences ask.
    """
    shutil.rmtree(folder / "bin", ignore_errors=True)
    # Models by service, of each the newest API; boto3's are for its resources, which nothing of ours uses.
    for models in (folder / "botocore" / "data").glob("*/"):
        for path in sorted(models.iterdir())[:-1] if models.name in SERVICES else (models,):
            shutil.rmtree(path)
    for path in (
        *folder.glob("boto3/data/*/"),
        *folder.glob("boto3/examples"),
        *folder.glob("botocore/data/*/*/examples-*"),
    ):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and path.name in {"__pycache__", "tests", "include"}:
            shutil.rmtree(path)
        elif path.is_file() and (
            path.suffix in {".pyi", ".pyc", ".pxd", ".pyx", ".a", ".h"}
            or (path.parent.suffix == ".dist-info" and path.name in {"RECORD", "WHEEL", "INSTALLER", "REQUESTED"})
        ):
            path.unlink()


def compile_for_runtime(folder: Path, place: Path = Path()) -> None:
    """Add byte code, where this machine has the Python that Lambda runs; else leave the sources alone.

    A package on Lambda is read-only, so Python compiles each module anew at
    every cold start: with byte code the import takes half of the time or less.

    Args:
        folder: Folder to compile.
        place: Where it will lie under ``/var/task``, for tracebacks.
    """
    python = runtime_python()
    if python is None:
        print(f"No Python {RUNTIME_VERSION} here: no byte code, so a cold start takes longer.", file=sys.stderr)
    else:
        command = [python, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
        subprocess.run([*command, "-s", str(folder), "-p", str("/var/task" / place), str(folder)], check=True)


@cache
def runtime_python() -> str | None:
    """Find a Python of Lambda's version: this one, or one on PATH that starts."""
    name = f"python{RUNTIME_VERSION}"
    for candidate in (sys.executable, shutil.which(name)):
        version = "import sys; print('{}.{}'.format(*sys.version_info[:2]))"
        if candidate is not None:
            ended = subprocess.run([candidate, "-c", version], capture_output=True, text=True, check=False)
            if ended.stdout.strip() == RUNTIME_VERSION:
                return candidate
    return None


def link_or_copy(path: str, target: str) -> None:
    """Link a file instead of copying it, where both are on one file system."""
    try:
        os.link(path, target)
    except OSError:
        shutil.copyfile(path, target)


def build(function: str, artifacts: Path, architecture: str, source: Path = ROOT) -> None:
    """Fill *artifacts* with the deployment package of one function.

    Args:
        function: Logical id of the function, with or without ``Function`` at its end.
        artifacts: Folder to fill; made if it is not there.
        architecture: ``arm64`` or ``x86_64``: what the template deploys.
        source: Folder that holds the package ``tuner``.
    """
    name = function.removesuffix("Function")
    if name not in DEPENDENCIES:
        raise SystemExit(
            f"{function} is not known to packages/build_function.py. Add it to DEPENDENCIES there, "
            "with the set of dependencies that its handler needs."
        )
    dependencies = install_dependencies(DEPENDENCIES[name], architecture)
    shutil.copytree(dependencies, artifacts, copy_function=link_or_copy, dirs_exist_ok=True)
    copy_source(name, source, artifacts)
    compile_for_runtime(artifacts / "tuner", Path("tuner"))


def main() -> None:
    """Read the command line that ``tuner/Makefile`` gives, and build."""
    parser = argparse.ArgumentParser(description="Put together the deployment package of one function.")
    parser.add_argument("function", help="logical id in template.yaml")
    parser.add_argument("artifacts", type=Path, help="folder to fill")
    parser.add_argument("--architecture", choices=sorted(WHEEL_PLATFORMS), default="arm64")
    arguments = parser.parse_args()
    build(arguments.function, arguments.artifacts, arguments.architecture)


if __name__ == "__main__":
    main()
