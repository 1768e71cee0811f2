"""Run ids, and the words of a run's progress."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from tuner.cli.account import Account
from tuner.cli.display import Display, progress_line
from tuner.cli.runs import Runs, new_run_id

NOW = datetime(2026, 11, 24, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("function", "readable"),
    [
        ("thumbnails", "thumbnails"),
        ("thumbnails:live", "thumbnails"),
        ("arn:aws:lambda:eu-west-1:123456789012:function:orders-v2:7", "orders-v2"),
        ("123456789012:function:orders", "orders"),
        ("", "function"),
        ("x" * 140, "x" * 59),
    ],
)
def test_a_run_id_tells_time_and_function(function: str, readable: str) -> None:
    """The id sorts by time, holds the function's name and is an execution's name."""
    run_id = new_run_id(function, NOW)
    assert re.fullmatch(rf"20261124-030405-{readable}-[0-9a-f]{{4}}", run_id)
    assert len(run_id) <= 80


def test_progress_is_worded() -> None:
    """The best size so far, what was used and where the run is are in one line; what is unknown is left out."""
    assert progress_line({}) == "starting"
    assert progress_line({"state": "Plan", "round": 0, "invocations": 0}) == "reading the function"
    assert progress_line({"round": 2, "memoryMb": 1024, "best": None}) == "measuring 1,024 MB, round 2"
    best = {"memoryMb": 512, "slowestMs": 301.4, "costPerMillionUsd": 2.5}
    progress = {"round": 2, "memoryMb": 448, "invocations": 7, "maxInvocations": 50, "spentUsd": 0.00012, "best": best}
    assert progress_line(progress) == (
        "best so far 512 MB, slowest 301 ms, $2.50 a million · 7 of 50 invocations, $0.00012 · "
        "measuring 448 MB, round 2"
    )


def test_a_narrow_terminal_cuts_the_end_of_the_line_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """On 80 columns the best size is there; where the run is may be cut."""
    monkeypatch.setenv("TERM", "xterm")
    stream = io.StringIO()
    with Display(Console(file=stream, width=80, force_terminal=True, color_system=None)) as display:
        best = {"memoryMb": 10_240, "slowestMs": 12_345.0, "costPerMillionUsd": 123.45}
        display.update(
            {"round": 12, "memoryMb": 10_240, "invocations": 33, "maxInvocations": 50, "spentUsd": 0.5, "best": best}
        )
    assert "best so far 10,240 MB, slowest 12.3 s, $123.45 a million" in stream.getvalue()


def test_without_a_terminal_progress_is_lines_that_do_not_repeat() -> None:
    """Where nothing can move, each round is one plain line, and a long round one more every ten seconds."""
    stream, time_s = io.StringIO(), 0.0
    with Display(Console(file=stream, width=200), clock=lambda: time_s) as display:
        for invocations in (1, 1, 2):
            display.update({"round": 1, "memoryMb": 128, "invocations": invocations, "maxInvocations": 50})
        for time_s in (5.0, 11.0, 12.0, 30.0):
            display.update({"round": 2, "memoryMb": 256, "invocations": int(min(time_s, 12)), "maxInvocations": 50})
    assert stream.getvalue().splitlines() == [
        "  1 of 50 invocations · measuring 128 MB, round 1",
        "  5 of 50 invocations · measuring 256 MB, round 2",
        "  12 of 50 invocations · measuring 256 MB, round 2",
    ]


def test_a_state_is_explained_once() -> None:
    """A loop enters the same states again and again; each is explained the first time."""
    stream = io.StringIO()
    display = Display(Console(file=stream, width=200))
    for state in ("Suggest", "Measure", "Suggest", "SomethingElse"):
        display.entered(state)
    assert [line.split()[0] for line in stream.getvalue().splitlines()] == ["Suggest", "Measure"]


def test_only_new_states_are_read_and_each_once() -> None:
    """Newest first, up to the last one that is known; one that slides to the next page meanwhile counts once."""

    def event(number: int) -> dict[str, Any]:
        return {"id": number} | ({"stateEnteredEventDetails": {"name": f"S{number}"}} if number % 2 else {})

    read: list[int] = []

    def pages(**_: Any) -> Iterator[dict[str, Any]]:
        for numbers in ([9, 8, 7], [8, 7, 6], [5, 4, 3], [2, 1]):
            read.append(numbers[-1])
            yield {"events": [event(number) for number in numbers]}

    machines = SimpleNamespace(get_paginator=lambda _: SimpleNamespace(paginate=pages))
    arn = "arn:aws:states:us-east-1:111111111111:stateMachine:s-"
    account = Account("local", "s", "us-east-1", "1" * 12, f"{arn}tune", f"{arn}restore", "b", lambda _: machines)
    assert Runs(account).entered_states("run", 5) == (["S7", "S9"], 9)
    assert read == [7, 6, 3]
