"""Deployment packages that would harm the machine they are unpacked on."""

from __future__ import annotations

import errno
import io
import zipfile
from pathlib import Path

import pytest

from tuner.embedded import code_store
from tuner.embedded.code_store import CodeStore, CodeUnreadable


def archive(entries: dict[str, bytes], mode: int = 0o644) -> bytes:
    """A zip archive whose entries have *mode*."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        for name, content in entries.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (0o100000 | mode) << 16
            file.writestr(entry, content)
    return packed.getvalue()


def test_no_file_outside_is_touched(tmp_path: Path) -> None:
    """An entry with ``..`` in its name neither writes outside nor changes the mode of what is there."""
    key = tmp_path / "private.key"
    key.write_text("secret")
    key.chmod(0o600)
    store = CodeStore(tmp_path / "store")

    folder = store.folder(store.put(archive({"../../private.key": b"gone", "bin/tool": b"x"}, mode=0o777)))

    assert (key.read_text(), key.stat().st_mode & 0o777) == ("secret", 0o600)
    assert (folder / "bin" / "tool").stat().st_mode & 0o777 == 0o777


def test_package_larger_than_lambda_takes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The unpacked size is bounded, of several layers together."""
    monkeypatch.setattr(code_store, "LARGEST_UNPACKED_BYTES", 1000)
    store = CodeStore(tmp_path)
    first, second = store.put(archive({"a": b"1" * 600})), store.put(archive({"b": b"1" * 600}))

    assert store.folder(first).is_dir()
    with pytest.raises(CodeUnreadable, match="larger than Lambda's limit of 1,000 bytes"):
        store.folder(first, second)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([first, f"{first}.zip", f"{second}.zip"])


def test_layers_are_merged_in_their_order(tmp_path: Path) -> None:
    """A later layer's file takes the place of an earlier one's."""
    store = CodeStore(tmp_path)
    layers = [store.put(archive({"python/a.py": content, name: b""})) for content, name in ((b"1", "x"), (b"2", "y"))]

    folder = store.folder(*layers)

    assert (folder / "python" / "a.py").read_bytes() == b"2"
    assert sorted(path.name for path in folder.iterdir()) == ["python", "x", "y"]


def test_full_disk_is_called_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no room the advice is to make room, not to upload the code again."""

    def no_room(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "extract", no_room)
    store = CodeStore(tmp_path)

    with pytest.raises(CodeUnreadable, match="No space left") as caught:
        store.folder(store.put(archive({"a": b"1"})))

    assert "TMPDIR" in caught.value.hint
