"""What belongs to a living process, and what a killed one left."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from tuner.embedded.locks import is_held, one_at_a_time, shared, sweep_working_folders, working_folder


def test_the_first_is_alone_and_the_others_are_not(tmp_path: Path) -> None:
    """Only who finds nobody else cleans up, before others may come in; afterwards the next is alone again."""
    path, swept = tmp_path / "lock", []
    assert not is_held(path)
    with shared(path, lambda: swept.append(is_held(path))):
        with shared(path, lambda: swept.append("the second")):
            assert is_held(path)
        assert is_held(path)
    assert not is_held(path)
    assert swept == [True]


def test_the_second_waits_for_the_first(tmp_path: Path) -> None:
    """Blocks under one lock follow each other."""
    order: list[str] = []

    def second() -> None:
        waiting.set()
        with one_at_a_time(tmp_path / "lock"):
            order.append("second")

    waiting = threading.Event()
    thread = threading.Thread(target=second)
    with one_at_a_time(tmp_path / "lock"):
        thread.start()
        waiting.wait()
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_folders_of_killed_processes_are_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a living process works in stays, and what is not ours; what a killed one left goes."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "lambda-tuner-checkout").mkdir()
    killed = (
        "import os, tempfile; from tuner.embedded.locks import working_folder\n"
        f"tempfile.tempdir = {str(tmp_path)!r}\n"
        "with working_folder('lambda-tuner-') as folder: print(folder, flush=True); os.kill(os.getpid(), 9)\n"
    )
    left = subprocess.run([sys.executable, "-c", killed], capture_output=True, text=True, check=False).stdout.strip()
    assert Path(left).is_dir()
    with working_folder("lambda-tuner-server-") as mine:
        assert mine.stat().st_mode & 0o777 == 0o700
        sweep_working_folders()
        assert {path.name for path in tmp_path.iterdir()} == {"lambda-tuner-checkout", mine.name}
    assert [path.name for path in tmp_path.iterdir()] == ["lambda-tuner-checkout"]
