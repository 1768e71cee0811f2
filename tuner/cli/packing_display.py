"""Says that code is being packed, if that takes long enough for somebody to wonder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Timer
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

if TYPE_CHECKING:
    from tuner.embedded.packing import Package

SILENCE_S = 1.0
LEAST_BYTES = 1_000_000


@contextmanager
def shown_packing(console: Console, package: Package, silence_s: float = SILENCE_S) -> Iterator[Callable[[int], None]]:
    """Say how much is packed if the block takes longer than a second; gives what to call with the bytes that are.

    Nothing is shown below a megabyte: then it is not the packing that takes long.
    """
    bar = Progress(TextColumn("packed"), BarColumn(), DownloadColumn(), console=console, transient=True)
    task = bar.add_task("", total=package.size_bytes)

    def show() -> None:
        console.print(
            f"Packing {package.size_bytes / 1e6:,.0f} MB in {len(package.files):,} files of {package.folder} …",
            markup=False,
            soft_wrap=True,
        )
        if console.is_terminal:
            bar.start()

    timer = Timer(silence_s, show)
    if package.size_bytes >= LEAST_BYTES:
        timer.start()
    try:
        yield lambda size_bytes: bar.advance(task, size_bytes)
    finally:
        timer.cancel()
        if timer.ident is not None:
            timer.join()
        if console.is_terminal:
            bar.stop()
