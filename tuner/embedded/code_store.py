"""The code of the embedded account's functions, on disk: one archive and one folder for each content."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import threading
import zipfile
from pathlib import Path

from tuner.core.errors import TunerError


class CodeUnreadable(TunerError):
    """A function's deployment package is not a zip archive."""


class CodeStore:
    """Keeps deployment packages by the SHA-256 of their bytes.

    A clone has the bytes of its target, so all sizes of a run share one
    archive and one unpacked folder, and none of them is held in memory.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._unpacking = threading.Lock()
        root.mkdir(parents=True, exist_ok=True)

    def put(self, archive: bytes) -> str:
        """Keep an archive and return the hexadecimal SHA-256 under which it is found."""
        sha256 = hashlib.sha256(archive).hexdigest()
        path = self.archive(sha256)
        if not path.exists():
            descriptor, temporary = tempfile.mkstemp(dir=self._root)
            with os.fdopen(descriptor, "wb") as file:
                file.write(archive)
            Path(temporary).replace(path)
        return sha256

    def archive(self, sha256: str) -> Path:
        """Name the archive's file; it exists if these bytes were ever put."""
        return self._root / f"{sha256}.zip"

    def folder(self, sha256: str) -> Path:
        """Unpack an archive once and return its folder.

        Raises:
            CodeUnreadable: The bytes are not a zip archive, or were never put.
        """
        folder = self._root / sha256
        if folder.is_dir():
            return folder
        with self._unpacking:
            if folder.is_dir():
                return folder
            unfinished = Path(tempfile.mkdtemp(dir=self._root))
            try:
                with zipfile.ZipFile(self.archive(sha256)) as archive:
                    archive.extractall(unfinished)
                    _restore_permissions(archive, unfinished)
            except (zipfile.BadZipFile, OSError) as error:
                shutil.rmtree(unfinished, ignore_errors=True)
                raise CodeUnreadable(
                    f"The deployment package {sha256[:12]} cannot be unpacked: {error}.",
                    hint="Upload the function's code again as a zip archive.",
                ) from error
            unfinished.chmod(0o755)
            unfinished.rename(folder)
        return folder


def _restore_permissions(archive: zipfile.ZipFile, folder: Path) -> None:
    """Give files the mode that the archive records: ``extractall`` drops it, a packed binary needs it."""
    for entry in archive.infolist():
        mode = (entry.external_attr >> 16) & 0o777
        path = folder / entry.filename
        if mode and path.is_file():
            path.chmod(mode | 0o444)
