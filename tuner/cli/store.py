"""Where runs without an account are kept: one folder that every command shares."""

from __future__ import annotations

import heapq
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from tuner.aws.artifacts import Artifacts

LATEST = "latest"


def store_home() -> Path:
    """The folder of the embedded AWS: ``LAMBDA_TUNER_HOME``, else the user's data folder."""
    if chosen := os.environ.get("LAMBDA_TUNER_HOME"):
        return Path(chosen).expanduser().resolve()
    import platformdirs

    return Path(platformdirs.user_data_dir("lambda-tuner", appauthor=False))


def bucket_folder(home: Path) -> Path:
    """The artifact bucket of the embedded AWS, as a folder."""
    return home / "bucket"


class FolderArtifacts:
    """Reads the artifact bucket of the embedded AWS without starting it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, key: str) -> bytes | None:
        """The object's bytes; ``None`` if there is no such object, or the key leads out of the folder."""
        path = (self.folder / key).resolve()
        if not path.is_relative_to(self.folder.resolve()) or not path.is_file():
            return None
        return path.read_bytes()

    def read_json(self, key: str) -> Any | None:
        """The object as JSON; ``None`` if there is no such object."""
        body = self.read(key)
        return None if body is None else json.loads(body)

    def keys(self, prefix: str) -> Iterator[str]:
        """Every key that begins so, in order."""
        first = self.folder / prefix if prefix.endswith("/") else self.folder
        if first.is_dir():
            for path in sorted(first.rglob("*")):
                key = path.relative_to(self.folder).as_posix()
                if key.startswith(prefix) and path.is_file() and not path.name.startswith(".unfinished-"):
                    yield key

    def latest_keys(self, prefix: str, count: int) -> list[str]:
        """The *count* keys that begin so and were written last, latest first."""
        return heapq.nlargest(count, self.keys(prefix), key=lambda key: ((self.folder / key).stat().st_mtime_ns, key))

    def uri(self, key: str) -> str:
        """The object's file."""
        return str(self.folder / key)


ArtifactReader: TypeAlias = "Artifacts | FolderArtifacts"
"""Where runs are read: the deployed bucket, or a folder."""
