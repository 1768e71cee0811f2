"""The artifact bucket as a folder: written through with every change, read back at the next start."""

from __future__ import annotations

import errno
import io
import logging
import mimetypes
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, unquote

LOG = logging.getLogger(__name__)

UNFINISHED = ".unfinished-"
"""How the name of a file begins that is being written."""

OF_ONE_SERVER = ("clones", "open")
"""Folders of what is of no use without the server that wrote it: functions' code for clones, marks of runs."""

_NO_NAME_FOR_A_FILE = frozenset({errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENOTEMPTY, errno.ENAMETOOLONG})

IN_MEMORY_BYTES = 256 * 1024
"""Objects up to this size stay in memory; larger ones are read from the folder when asked for."""


def sweep(root: Path) -> None:
    """Remove what killed servers left in the bucket's folder: halves of objects, packages, marks of their runs."""
    for path in root.rglob(f"{UNFINISHED}*"):
        path.unlink(missing_ok=True)
    for folder in OF_ONE_SERVER:
        shutil.rmtree(root / folder, ignore_errors=True)


class BucketFolder:
    """Mirrors one bucket in a folder that people can read: a key is a relative path.

    Files are written beside their place and renamed into it, so that a killed
    server leaves the old content or the new, never half of one. Only files
    whose objects were deleted are removed: several servers may share the folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._changing = threading.Lock()
        root.mkdir(mode=0o700, parents=True, exist_ok=True)

    def path(self, key: str) -> Path:
        """Name the file of a key; parts that would leave the folder are escaped."""
        return self._root.joinpath(*(_escape(part) for part in key.split("/")))

    def write(self, key: str, content: bytes) -> bool:
        """Keep an object for the user alone; ``False`` if the key cannot be a file (a folder has its name).

        Raises:
            OSError: The disk is full, or may not be written; the old content is there, and nothing else.
        """
        path = self.path(key)
        try:
            with self._changing:
                path.parent.mkdir(parents=True, exist_ok=True)
                descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=UNFINISHED)  # of mode 0600
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(content)
                Path(temporary).replace(path)
            except OSError:
                Path(temporary).unlink(missing_ok=True)
                raise
        except OSError as error:
            if error.errno not in _NO_NAME_FOR_A_FILE:
                raise
            LOG.warning("the object %s stays in memory only: %s", key, error)
            return False
        return True

    def delete(self, key: str) -> None:
        """Forget an object, and the folders that it leaves empty."""
        path = self.path(key)
        with self._changing:
            path.unlink(missing_ok=True)
            for parent in path.parents:
                if parent == self._root or not parent.is_dir() or any(parent.iterdir()):
                    break
                parent.rmdir()

    def all_keys(self) -> Iterator[str]:
        """List the keys of all objects kept."""
        for path in sorted(self._root.rglob("*")):
            if path.is_file() and not path.name.startswith(UNFINISHED):
                yield "/".join("" if part == "%" else unquote(part) for part in path.relative_to(self._root).parts)

    def read(self, key: str) -> bytes:
        """Read an object."""
        return self.path(key).read_bytes()


class StoredContent(io.RawIOBase):
    """Looks like the buffer in which moto keeps an object's bytes, and reads them from the folder instead."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position = 0

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to an absolute position; moto asks for no other."""
        assert whence == io.SEEK_SET
        self._position = offset
        return offset

    def read(self, size: int | None = -1) -> bytes:
        """Read from the current position."""
        with self._path.open("rb") as file:
            file.seek(self._position)
            content = file.read(-1 if size is None else size)
        self._position += len(content)
        return content


def content_type(key: str) -> str:
    """Guess the type of an object that was read back: the folder does not keep it."""
    return mimetypes.guess_type(key)[0] or "binary/octet-stream"


def _escape(part: str) -> str:
    if part in ("", ".", ".."):
        return "%2E" * len(part) or "%"
    return quote(part, safe=" !$&'()+,;=@[]~äöüßéè")
