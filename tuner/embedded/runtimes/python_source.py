"""Looks at a handler's source with the Python that will run it, and runs none of it.

Started by its path under the user's interpreter (3.9 or later), so it imports
the standard library alone. Arguments: the handler's file, then the folders in
which its code may begin. Prints one JSON object: ``line`` and ``problem`` of a
syntax error, or ``names`` that the file defines, its ``functions``, whether it
has a ``star`` import, and for each folder which imports are ``missing``, how
many of them are ``misplaced``, found from another of the folders, and which
``modules`` of the folder the handler uses.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    del sys.path[0]  # this file's own folder: nothing in it is the handler's

import ast
import importlib.util
import json
import os
from collections.abc import Iterator
from importlib.machinery import EXTENSION_SUFFIXES
from typing import Any

_MOST_FILES = 300
"""Packages that lie beside the code may import thousands of files: the first ones tell enough."""


def _parse(path: str) -> ast.Module:
    with open(path, "rb") as file:
        return ast.parse(file.read(), filename=path)


def _defined(tree: ast.Module) -> dict[str, Any]:
    names: set[str] = set()
    star = False
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            star = star or any(alias.name == "*" for alias in node.names)
            names.update(alias.asname or alias.name for alias in node.names)
    functions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name[0] != "_"]
    return {"names": sorted(names), "star": star, "functions": functions}


def _walk_what_runs(tree: ast.Module) -> Iterator[ast.AST]:
    """Every node but those that no import runs: under ``TYPE_CHECKING``, and where ``__name__`` is compared."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.If):
            subject = node.test.left if isinstance(node.test, ast.Compare) else node.test
            name = getattr(subject, "id", getattr(subject, "attr", None))
            if name in ("TYPE_CHECKING", "__name__"):
                waiting.extend(node.orelse)
                continue
        waiting.extend(ast.iter_child_nodes(node))


def _imports(tree: ast.Module, package: list[str]) -> Iterator[tuple[str, list[str] | None, list[str]]]:
    """Each import: how it is shown, its module's name in parts (``None`` outside the folder), names taken from it."""
    for node in _walk_what_runs(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, alias.name.split("."), []
        elif isinstance(node, ast.ImportFrom):
            module = node.module.split(".") if node.module else []
            shown = "." * node.level + (node.module or "")
            if node.level > len(package):
                yield shown, None, []
            else:
                above = package[: len(package) - node.level + 1] if node.level else []
                yield shown, above + module, [alias.name for alias in node.names]


def _find(root: str, parts: list[str]) -> list[str] | None:
    """The files of a module and of the packages that it is in; ``None`` if it is not in the folder."""
    found: list[str] = []
    folder = root
    for index, part in enumerate(parts):
        base = os.path.join(folder, part)
        files = [base + suffix for suffix in (".py", *EXTENSION_SUFFIXES) if os.path.isfile(base + suffix)]
        init = os.path.join(base, "__init__.py")
        if os.path.isfile(init):
            found.append(init)
        elif files:
            return [*found, files[0]] if index == len(parts) - 1 else None
        elif not os.path.isdir(base) or not _holds_python(base):
            return None
        folder = base
    return found


def _holds_python(folder: str) -> bool:
    return any(name.endswith(".py") or os.path.isdir(os.path.join(folder, name)) for name in os.listdir(folder))


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _look(root: str, file: str, roots: list[str]) -> dict[str, Any]:
    missing: set[str] = set()
    misplaced: set[str] = set()
    modules: set[str] = set()
    waiting = [file]
    while waiting and len(modules) < _MOST_FILES:
        path = waiting.pop()
        if path in modules:
            continue
        modules.add(path)
        try:
            tree = _parse(path)
        except (SyntaxError, ValueError, OSError):
            continue
        inside = os.path.relpath(os.path.dirname(path), root)
        for shown, parts, names in _imports(tree, [] if inside == "." else inside.split(os.sep)):
            found = None if parts is None else _find(root, parts)
            if parts is None or (found is None and not _is_installed(parts[0])):
                missing.add(shown)
                if parts is None or any(_find(other, parts) for other in roots):
                    misplaced.add(shown)
            elif found is not None:
                waiting.extend(found)
                for name in names:
                    waiting.extend(_find(root, [*parts, name]) or ())
    return {"missing": sorted(missing), "misplaced": len(misplaced), "modules": sorted(modules)}


def _main(file: str, roots: list[str]) -> dict[str, Any]:
    try:
        tree = _parse(file)
    except (SyntaxError, ValueError) as error:
        return {"line": getattr(error, "lineno", None), "problem": str(getattr(error, "msg", error))}
    return {**_defined(tree), "roots": [_look(root, file, roots) for root in roots]}


if __name__ == "__main__":
    print(json.dumps(_main(sys.argv[1], sys.argv[2:])))
