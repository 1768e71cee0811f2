"""The code of the embedded account's functions, on disk: one archive and one folder for each content."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
import threading
import zipfile
from pathlib import Path

from tuner.core.errors import TunerError

LARGEST_UNPACKED_BYTES = 262_144_000
"""Of a function's code, and of its layers together ("Lambda quotas", AWS Lambda Developer Guide: 250 MB)."""


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

    def folder(self, *sha256s: str) -> Path:
        """Unpack archives once, one over the other, and return their folder.

        Raises:
            CodeUnreadable: The bytes are not a zip archive, were never put, are
                more than Lambda takes when unpacked, or do not fit on the disk.
        """
        name = sha256s[0] if len(sha256s) == 1 else hashlib.sha256("".join(sha256s).encode()).hexdigest()
        folder = self._root / name
        if folder.is_dir():
            return folder
        with self._unpacking:
            if folder.is_dir():
                return folder
            unfinished = Path(tempfile.mkdtemp(dir=self._root))
            left_bytes = LARGEST_UNPACKED_BYTES
            try:
                for sha256 in sha256s:
                    left_bytes = _unpack(self.archive(sha256), unfinished, left_bytes)
            except (zipfile.BadZipFile, OSError) as error:
                shutil.rmtree(unfinished, ignore_errors=True)
                if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
                    hint = f"Make room there, or name another folder for temporary files with TMPDIR: {self._root}."
                else:
                    hint = "Upload the function's code again as a zip archive."
                raise CodeUnreadable(
                    f"The deployment package {name[:12]} cannot be unpacked: {error}.", hint=hint
                ) from error
            unfinished.chmod(0o755)
            unfinished.rename(folder)
        return folder


def _unpack(path: Path, folder: Path, limit_bytes: int) -> int:
    """Unpack an archive with the modes that it records, which a packed binary needs; returns what is left of the limit.

    Where an entry goes is for ``extract`` to say: it keeps names like ``../x`` inside.
    """
    with zipfile.ZipFile(path) as archive:
        left_bytes = limit_bytes - sum(entry.file_size for entry in archive.infolist())
        if left_bytes < 0:
            raise zipfile.BadZipFile(f"unpacked it is larger than Lambda's limit of {LARGEST_UNPACKED_BYTES:,} bytes")
        for entry in archive.infolist():
            unpacked = Path(archive.extract(entry, folder))
            mode = (entry.external_attr >> 16) & 0o777
            if mode and unpacked.is_file():
                unpacked.chmod(mode | 0o644)
    return left_bytes
