"""The artifact bucket's folder and the code store."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from tuner.embedded.bucket_folder import BucketFolder, StoredContent
from tuner.embedded.code_store import CodeStore, CodeUnreadable


@pytest.mark.parametrize(
    "key", ["runs/1/report.html", "a b/ü.json", "../../outside", "a//b", "./x", "100%/y", ".hidden"]
)
def test_keys_come_back_as_they_were(key: str, tmp_path: Path) -> None:
    """Every key is a file inside the folder, and reads back under the same name."""
    folder = BucketFolder(tmp_path / "bucket")
    assert folder.write(key, b"content")
    assert list(folder.all_keys()) == [key]
    assert folder.read(key) == b"content"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [folder.path(key)]
    assert (tmp_path / "bucket") in folder.path(key).parents


def test_deleting_removes_empty_folders_only(tmp_path: Path) -> None:
    """The folder of a deleted object goes when nothing else is in it; deleting twice is no error."""
    folder = BucketFolder(tmp_path)
    folder.write("runs/1/a", b"")
    folder.write("runs/2/b", b"")
    folder.delete("runs/1/a")
    folder.delete("runs/1/a")
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["2"]


def test_a_key_that_cannot_be_a_file_is_said(tmp_path: Path) -> None:
    """A key below another key stays in memory; the other one is untouched."""
    folder = BucketFolder(tmp_path)
    assert folder.write("a", b"1")
    assert not folder.write("a/b", b"2")
    assert folder.read("a") == b"1"


def test_stored_content_reads_as_a_buffer(tmp_path: Path) -> None:
    """Reads whole, in parts, and from a position."""
    (tmp_path / "f").write_bytes(b"0123456789")
    content = StoredContent(tmp_path / "f")
    assert content.read() == b"0123456789"
    content.seek(4)
    assert (content.read(3), content.read(), content.read()) == (b"456", b"789", b"")


def test_code_is_unpacked_once_with_its_permissions(tmp_path: Path) -> None:
    """The same bytes give the same folder, and what was executable stays so."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        entry = zipfile.ZipInfo("bin/tool")
        entry.external_attr = 0o100755 << 16
        archive.writestr(entry, b"#!/bin/sh\n")
        archive.writestr("app.py", b"")
    store = CodeStore(tmp_path)
    sha256 = store.put(packed.getvalue())
    assert store.put(packed.getvalue()) == sha256
    folder = store.folder(sha256)
    assert store.folder(sha256) == folder
    assert (folder / "bin" / "tool").stat().st_mode & 0o111
    assert (folder / "app.py").is_file()


def test_broken_code_is_refused(tmp_path: Path) -> None:
    """Bytes that are no archive give an error that says so, and leave nothing behind."""
    store = CodeStore(tmp_path)
    sha256 = store.put(b"not a zip")
    with pytest.raises(CodeUnreadable, match="cannot be unpacked"):
        store.folder(sha256)
    assert [path.name for path in tmp_path.iterdir()] == [f"{sha256}.zip"]
