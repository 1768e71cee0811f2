"""What others wrote can be shown without steering the reader's terminal or eye."""

from __future__ import annotations

import json
import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from tuner.core.foreign_text import json_text, one_line, visible

JOINERS = "\u200c\u200d"


@settings(deadline=None)
@given(st.text())
def test_nothing_that_steers_is_left(text: str) -> None:
    """No control, no change of direction, no line break that a program might know."""
    left = {unicodedata.category(character) for character in visible(text) if character not in JOINERS + "\n\t"}
    assert not left & {"Cc", "Zl", "Zp", "Cs"}
    assert not set(visible(text)) & set("\u202e\u2066\u200f\u061c\ufeff")
    assert len(one_line(text).splitlines()) <= 1


def test_every_script_and_emoji_stays() -> None:
    """Cleaning is for what cannot be seen, not for what is foreign."""
    text = "naïve 日本\u3000語 ‌می\u200cخواهم 👩\u200d💻 a\u00a0b"
    assert visible(text) == text
    assert one_line(text) == text


@settings(deadline=None)
@given(st.dictionaries(st.text(st.characters(exclude_categories=("Cs",))), st.text(), max_size=3))
def test_json_keeps_its_value(value: dict[str, str]) -> None:
    """Unsafe characters are escaped, not lost."""
    assert json.loads(json_text(value)) == value
    assert visible(json_text(value)) == json_text(value)
