"""Text that others wrote (a function's exception, a log line, a name), made safe to show.

What only a program reads stays: letters of every script, emoji, the joiners
that both need. What steers the reader's terminal or eye goes: control
characters (C0, C1), characters that change the direction of writing, and
others that cannot be seen (Unicode Technical Report 36, "Unicode Security
Considerations", and CVE-2021-42574 of bidirectional overrides).
"""

from __future__ import annotations

import json
import re
from typing import Any

_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2061-\u206f\ufeff"
    "\ufff9-\ufffb\ufffe\uffff\ud800-\udfff\U000e0000-\U000e0fff]"
)
_BREAKS = re.compile(r"\s*[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]\s*")


def visible(text: str) -> str:
    r"""Text with every unsafe character replaced by a mark; line feeds and tabs stay.

    Example:
        >>> visible("a\x1b[2J\u202eb\n")
        'a�[2J�b\n'
    """
    return _UNSAFE.sub("\N{REPLACEMENT CHARACTER}", text)


def one_line(text: str, *, limit: int | None = None) -> str:
    r"""Safe text on one line, so that no line of it can pass for another text; cut to *limit* characters.

    A line break becomes a sign that shows where it was.

    Example:
        >>> one_line("1 validation error\n  Field required\n"), one_line("abcdef", limit=4)
        ('1 validation error ⏎ Field required', 'abc…')
    """
    text = visible(_BREAKS.sub(" ⏎ ", text.strip()))
    return text if limit is None or len(text) <= limit else text[: limit - 1] + "…"


def json_text(value: Any, *, indent: int | None = None) -> str:
    r"""JSON with every unsafe character as an escape sequence: the same value, and safe to look at.

    Example:
        >>> json_text({"naïve": "\x9b\u202e"})
        '{"naïve": "\\u009b\\u202e"}'
    """
    text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
    return _UNSAFE.sub(lambda found: json.dumps(found[0])[1:-1], text)
