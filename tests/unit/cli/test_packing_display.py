"""What is said while code is packed."""

from __future__ import annotations

import io
import time
from pathlib import Path

import pytest
from rich.console import Console

from tuner.cli.packing_display import shown_packing
from tuner.embedded.packing import Package

FILES = {"a.py": Path("a.py"), "b.bin": Path("b.bin")}


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize(("size_bytes", "silence_s", "said"), [(57e6, 0, True), (57e6, 60, False), (1e5, 0, False)])
def test_packing_is_said_when_it_takes_long(size_bytes: float, silence_s: float, said: bool, terminal: bool) -> None:
    """Size, files and folder are said after a while, with a bar on a terminal; not of little, not when it is quick."""
    console = Console(
        file=io.StringIO(), force_terminal=terminal, width=100, highlight=False, _environ={"TERM": "xterm"}
    )
    with shown_packing(console, Package(Path("/src"), FILES, int(size_bytes)), silence_s) as progress:
        deadline = time.monotonic() + 30
        while said and "Packing" not in text_of(console) and time.monotonic() < deadline:
            time.sleep(0.001)
        progress(30_000_000)
        while said and terminal and "packed" not in text_of(console) and time.monotonic() < deadline:
            time.sleep(0.001)
    assert ("Packing 57 MB in 2 files of /src …" in text_of(console)) == said
    assert ("packed" in text_of(console)) == (said and terminal)
    assert bool(text_of(console).strip("\n")) == said


def text_of(console: Console) -> str:
    """What was written."""
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()
