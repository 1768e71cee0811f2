"""Where a function's exception came from: files and line numbers of its traceback, without code or values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tuner.core.foreign_text import one_line

_MOST_FRAMES = 20
_FRAME_CHARACTERS = 200
_SHOWN_FRAMES = 3
_FRAME = re.compile(
    r'\s*File "(?P<python>[^"\n]+)", line (?P<python_line>\d+)'
    r"|\s+at (?:.*\()?(?:file://)?(?P<node>[^\s():]+):(?P<node_line>\d+):\d+\)?$"
    r"|(?P<ruby>[^\s:]+\.rb):(?P<ruby_line>\d+):in "
    r"|[^\s(]+\((?P<java>[\w$]+\.\w+):(?P<java_line>\d+)\)$"
)
"""A line of ``stackTrace`` as the runtimes of Python, Ruby and Java write it, and of ``trace`` of Node.js ("Lambda
function handler errors", AWS Lambda Developer Guide, seen 2026-11)."""
_ABOVE_LIBRARIES = re.compile(r".*/(?=(?:site-packages|dist-packages|node_modules)/)")
"""Where a machine has its libraries: nobody's business, and long."""
_LIBRARY = re.compile(r"site-packages|dist-packages|node_modules|/lib/python|/var/(?:lang|runtime)/|^<|^node:")


def frames_of(answer: Mapping[str, Any]) -> tuple[str, ...]:
    r"""Read a failed function's answer: ``file:line`` of each frame, the call that failed last.

    What is no frame (an exception's message, a line of code) is left out.

    Example:
        >>> frames_of({"stackTrace": ['  File "/var/task/app.py", line 3, in handler\n    raise ValueError(x)\n']})
        ('app.py:3',)
    """
    given = answer.get("stackTrace") or answer.get("trace")
    if not isinstance(given, list):
        return ()
    frames = []
    innermost_first = False
    for entry in given:
        found = _FRAME.match(str(entry).partition("\n")[0])
        if found:
            file, line = (part for part in found.groups() if part is not None)
            file = _ABOVE_LIBRARIES.sub("", file.removeprefix("/var/task/"))
            frames.append(one_line(f"{file}:{line}", limit=_FRAME_CHARACTERS))
            innermost_first = found["python"] is None
    return tuple(frames[::-1] if innermost_first else frames)[-_MOST_FRAMES:]


def own_frames(frames: tuple[str, ...]) -> str:
    """The last frames of the function's own code, for a sentence; of any code where it has none of its own."""
    own = [frame for frame in frames if not _LIBRARY.search(frame)] or list(frames)
    return " → ".join(own[-_SHOWN_FRAMES:])
