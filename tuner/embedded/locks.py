"""What belongs to a living process and what a killed one left: file locks show it, which the kernel releases."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

IN_USE = "in-use.lock"
"""In the home: held by every server that uses it."""
_IN_USE = ".lambda-tuner-in-use"
_WORKING_FOLDERS = "lambda-tuner-*"


@contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Hold a lock for the block, after whoever holds it now."""
    descriptor = _open(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def is_held(path: Path) -> bool:
    """Whether a living process holds a lock, alone or with others."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextmanager
def shared(path: Path, when_alone: Callable[[], None]) -> Iterator[None]:
    """Hold a lock beside others for the block; if nobody else holds it, *when_alone* is called first."""
    descriptor = _open(path)
    try:
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            when_alone()
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def working_folder(prefix: str) -> Iterator[Path]:
    """Make a folder for the user alone that is removed with the block, or by ``sweep_working_folders`` later."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    descriptor = _open(folder / f"{_IN_USE}.new")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        (folder / f"{_IN_USE}.new").rename(folder / _IN_USE)  # seen only when it is locked
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def sweep_working_folders() -> None:
    """Remove the working folders of this user's processes that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(_WORKING_FOLDERS):
        with suppress(OSError):
            if folder.lstat().st_uid == os.getuid() and (folder / _IN_USE).is_file() and not is_held(folder / _IN_USE):
                shutil.rmtree(folder, ignore_errors=True)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
