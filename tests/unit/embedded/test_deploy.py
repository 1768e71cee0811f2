"""Packing a folder as a deployment package."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from tuner.embedded.deploy import pack_folder


def test_secrets_and_caches_are_not_packed(tmp_path: Path) -> None:
    """What lies beside the code and is no code stays where it is; the same files with a comment are another package."""
    for name in ("app.py", ".env", ".env.local", ".envelope.py", "sub/.env", "sub/data.json", ".git/config"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    packed = pack_folder(tmp_path)
    assert zipfile.ZipFile(io.BytesIO(packed)).namelist() == [".envelope.py", "app.py", "sub/data.json"]
    assert pack_folder(tmp_path) == packed
    assert pack_folder(tmp_path, comment="/usr/bin/python3") != packed
