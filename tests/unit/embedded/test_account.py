"""Starting the embedded AWS where it cannot start."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from tuner.embedded.account import EmbeddedAwsFailed, embedded_aws


def test_full_disk_is_named_with_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no room for temporary files no server is started, and the sentence says what to do."""
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=200_000))

    with pytest.raises(EmbeddedAwsFailed, match=r"has 0\.2 MB free; the embedded AWS needs 50 MB") as caught:
        embedded_aws(home=tmp_path).__enter__()

    assert "TMPDIR" in caught.value.hint
