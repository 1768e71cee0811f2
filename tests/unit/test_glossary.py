"""The glossary names what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
WORDS = sorted(
    {word for row in TEXT.splitlines() for word in re.findall(r"`([^`]+)`", row.rstrip("| ").rpartition("|")[2])}
)
SOURCE = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tuner").rglob("*.py")) + "\n".join(
    str(path.relative_to(ROOT)) for path in (ROOT / "tuner").rglob("*")
)


@pytest.mark.parametrize("word", WORDS)
def test_each_name_is_in_the_code(word: str) -> None:
    """A name that was changed changes here too."""
    assert re.search(rf"(?<![A-Za-z]){re.escape(word)}", SOURCE)
