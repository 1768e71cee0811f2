"""Of a traceback only files and line numbers are kept, in the order of the calls."""

from __future__ import annotations

from typing import Any

import pytest

from tuner.core.measurement.traceback_frames import frames_of, own_frames


@pytest.mark.parametrize(
    "answer",
    [
        {
            "stackTrace": [
                '  File "/var/task/app.py", line 3, in handler\n    return read(event["secret"])\n',
                '  File "/var/task/orders.py", line 9, in read\n    raise ValueError("hunter2")\n',
            ]
        },
        {
            "trace": [
                "Error: hunter2 (/x.js:1:1",
                "    at read (/var/task/orders.py:9:5)",
                "    at async Runtime.handler (file:///var/task/app.py:3:1)",
            ]
        },
        {"stackTrace": ["shop.Orders.read(orders.py:9)", "shop.App.handle(app.py:3)"]},
    ],
)
def test_frames_are_files_and_lines_in_the_order_of_the_calls(answer: dict[str, Any]) -> None:
    """Python writes the failing call last, Node.js and Java first; code and values are left out."""
    assert frames_of(answer) == ("app.py:3", "orders.py:9")


@pytest.mark.parametrize("kind", ["site-packages", "dist-packages"])
def test_a_library_is_named_without_the_machines_folders(kind: str) -> None:
    """Reports are passed on: where somebody's Python lies is not in them."""
    found = frames_of(
        {"stackTrace": [f'  File "/home/ann/.venv/lib/python3.12/{kind}/boto3/action.py", line 88, in x\n']}
    )
    assert found == (f"{kind}/boto3/action.py:88",)
    assert own_frames(("app.py:3", *found)) == "app.py:3"


def test_ruby_writes_the_failing_call_first() -> None:
    """And no column."""
    trace = ["/var/task/orders.rb:9:in `read'", "/var/task/app.rb:3:in `handler'"]
    assert frames_of({"stackTrace": trace}) == ("app.rb:3", "orders.rb:9")


@pytest.mark.parametrize(
    "answer", [{}, {"stackTrace": 7}, {"stackTrace": "x"}, {"stackTrace": [None, 7, "Error: hunter2"]}, {"trace": {}}]
)
def test_what_is_no_traceback_gives_no_frames(answer: dict[str, Any]) -> None:
    """A function can answer anything."""
    assert frames_of(answer) == ()


def test_sentence_names_the_functions_own_code() -> None:
    """Not the library in which it failed, unless there is nothing else."""
    library = "/var/lang/lib/python3.12/os.py:714"
    assert own_frames(("app.py:3", "orders.py:9", library)) == "app.py:3 → orders.py:9"
    assert own_frames((library,)) == library
    assert own_frames(()) == ""
