"""Which files of a folder become a function's code, and the archive of them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuner.core.errors import TunerError
from tuner.core.foreign_text import visible

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

_LEFT_OUT = frozenset({"__pycache__", "cdk.out", "node_modules"})
_LEFT_OUT_HIDDEN = frozenset(
    {
        ".aws-sam", ".cache", ".chalice", ".direnv", ".eggs", ".env", ".git", ".hg", ".hypothesis", ".idea",
        ".ipynb_checkpoints", ".mypy_cache", ".nox", ".pytest_cache", ".pyre", ".pytype", ".ruff_cache", ".serverless",
        ".svn", ".terraform", ".tox", ".venv", ".vscode",
        # Secrets.
        ".aws", ".docker", ".envrc", ".gnupg", ".kube", ".netrc", ".npmrc", ".pypirc", ".ssh",
    }
)  # fmt: skip
"""None of these can be imported, so that nothing that a handler needs has such a name. ``build`` and ``dist``, which
can, are for ``.gitignore`` to name."""


class CodeNotPacked(TunerError):
    """A folder is missing, or larger than Lambda takes."""


@dataclass(frozen=True, slots=True)
class Package:
    """The files of a folder that become a function's code."""

    folder: Path
    files: Mapping[str, Path]
    """By their names in the archive."""
    size_bytes: int
    ignored: tuple[str, ...] = ()
    """What ``.gitignore`` leaves out, relative to the folder; not what is in it."""


def collect_package(
    folder: Path, *, limit_bytes: int | None = None, needed: Collection[Path] = (), heeds_gitignore: bool = False
) -> Package:
    """Choose a folder's files, without version control, caches, virtual environments and secrets.

    A virtual environment is a folder with a ``pyvenv.cfg`` (Python's
    ``site``), or conda's with a ``conda-meta``, whatever its name.

    *limit_bytes* is of the code unpacked. The *needed* files stay, whatever ``.gitignore`` says. With
    *heeds_gitignore* what the ``.gitignore`` files of the folder, and of those above it in its repository, list is
    left out; folders into which packages were installed stay, and so does all of a folder that is itself listed: it
    was built to be deployed.

    Raises:
        CodeNotPacked: The folder is missing or too large.
    """
    if not folder.is_dir():
        raise CodeNotPacked(f"There is no folder {folder}.", hint="Name the folder that holds the handler's file.")
    ignored: list[str] = []
    rules = _rules_above(folder) if heeds_gitignore and not _has_packages(folder) else None
    stay = {parent for path in needed for parent in (path, *path.parents)}
    files: dict[str, Path] = {}
    size_by_top: dict[str, int] = {}
    for path in _walk(folder, rules, stay, lambda path: ignored.append(path.relative_to(folder).as_posix())):
        inside = path.relative_to(folder)
        size_by_top[inside.parts[0]] = size_by_top.get(inside.parts[0], 0) + path.stat().st_size
        if limit_bytes is not None and sum(size_by_top.values()) > limit_bytes:
            largest = sorted(size_by_top, key=lambda name: -size_by_top[name])[:3]
            raise CodeNotPacked(
                f"The code in {folder} is larger than Lambda's limit of {limit_bytes // 1024**2} MB unpacked.",
                hint="The largest in it: "
                + ", ".join(f"{visible(name)} ({size_by_top[name] / 1e6:,.0f} MB)" for name in largest)
                + ". List in .gitignore what the function does not need, or name its own folder with --code-root.",
            )
        files[inside.as_posix()] = path
    return Package(folder, files, sum(size_by_top.values()), tuple(ignored))


def pack_folder(folder: Path) -> bytes:
    """Pack all of a folder's files that ``collect_package`` chooses.

    Raises:
        CodeNotPacked: The folder is missing.
    """
    return pack(collect_package(folder).files)


def pack(files: Mapping[str, Path], comment: str = "", progress: Callable[[int], None] = lambda _: None) -> bytes:
    """Pack files so that the same content gives the same bytes: no times, sorted names.

    *files* are named as in the archive; with another *comment* they are another package. *progress* gets the bytes of
    each.
    """
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o100755 if files[name].stat().st_mode & 0o100 else 0o100644) << 16
            content = files[name].read_bytes()
            archive.writestr(entry, content)
            progress(len(content))
        archive.comment = comment.encode()
    return packed.getvalue()


_Rules = list[tuple[Path, "GitIgnoreSpec"]]
"""Folders and what their ``.gitignore`` says, outermost first."""


def _walk(
    folder: Path,
    rules: _Rules | None,
    stay: Collection[Path],
    ignore: Callable[[Path], None],
    entered: frozenset[Path] = frozenset(),
) -> Iterator[Path]:
    """Every file to pack; links are followed, as ``zip`` and ``sam build`` do, unless they lead back."""
    here = rules if rules is None else [*rules, *_rules_of(folder)]
    entered = entered | {folder.resolve()}
    for path in sorted(folder.iterdir()):
        left_out = path.name in _LEFT_OUT and path not in stay
        if left_out or path.name in _LEFT_OUT_HIDDEN or path.name.startswith((".venv", ".env.")):
            continue
        is_folder = path.is_dir()
        if is_folder and ((path / "pyvenv.cfg").is_file() or (path / "conda-meta").is_dir()):
            continue
        inside = here
        if here is not None and _is_ignored(path, is_folder and not path.is_symlink(), here):
            if path not in stay and not (is_folder and _has_packages(path)):
                ignore(path)
                continue
            inside = None
        if is_folder and path.resolve() not in entered:
            yield from _walk(path, inside, stay, ignore, entered)
        elif path.is_file() and path.suffix != ".pyc":
            yield path


def _has_packages(folder: Path) -> bool:
    """Whether pip installed packages into the folder, which it notes down beside them."""
    return next(folder.glob("*.dist-info"), None) is not None


def _rules_above(folder: Path) -> _Rules | None:
    """What the repository says of a folder; ``None`` if it is itself, or lies in, what is ignored."""
    rules: _Rules = []
    repository = next((above for above in folder.parents if (above / ".git").exists()), None)
    if (folder / ".git").exists() or repository is None:
        return rules
    for above in reversed(folder.parents[: folder.parents.index(repository) + 1]):
        rules += _rules_of(above)
    return None if _is_ignored(folder, True, rules) else rules


def _rules_of(folder: Path) -> _Rules:
    from pathspec import GitIgnoreSpec

    file = folder / ".gitignore"
    try:
        lines = file.read_text(encoding="utf-8-sig", errors="replace").splitlines() if file.is_file() else []
    except OSError:
        return []
    patterns: list[Any] = []
    for line in lines:
        with suppress(ValueError):  # Git passes over a line that is no pattern
            patterns += GitIgnoreSpec.from_lines([line]).patterns
    return [(folder, GitIgnoreSpec(patterns))] if patterns else []


def _is_ignored(path: Path, is_folder: bool, rules: _Rules) -> bool:
    """As Git decides: the last line that matches, of the innermost file that has one."""
    for folder, lines in reversed(rules):
        ignored = lines.check_file(path.relative_to(folder).as_posix() + "/" * is_folder).include
        if ignored is not None:
            return ignored
    return False
