"""The folder of the embedded AWS reads like a bucket."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.contracts.stores import ReaderContract
from tuner.cli.store import ArtifactReader, FolderArtifacts


class TestFolder(ReaderContract):
    """Files by their keys."""

    @pytest.fixture
    def filled(self, tmp_path: Path) -> Callable[[Mapping[str, bytes]], ArtifactReader]:
        """By files."""

        def fill(objects: Mapping[str, bytes]) -> ArtifactReader:
            for key, body in objects.items():
                (tmp_path / key).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / key).write_bytes(body)
            return FolderArtifacts(tmp_path)

        return fill
