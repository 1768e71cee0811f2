"""The tree of errors that is drawn is the tree that there is."""

from __future__ import annotations

import re

import pytest

from tuner.core import errors

CLASSES = {
    name: each for name, each in vars(errors).items() if isinstance(each, type) and issubclass(each, errors.TunerError)
}


def drawn() -> dict[str, str]:
    """Each name of the drawing with the name above it."""
    found: dict[str, str] = {}
    above = [""]
    for depth, name in re.findall(r"^    ([│ ├└─]*)(\w+)", errors.__doc__ or "", re.MULTILINE):
        level = len(depth) // 4
        above[level:] = [name]
        found[name] = above[level - 1] if level else ""
    return found


def test_drawing_shows_every_error_under_its_parent() -> None:
    """The module's docstring is what people read, and no class is missing in it."""
    parents = {name: "" if each is errors.TunerError else each.__mro__[1].__name__ for name, each in CLASSES.items()}
    assert drawn() == parents


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_every_error_says_what_it_is_and_gives_its_name(name: str) -> None:
    """A name travels through the state machines as the class's own."""
    each = CLASSES[name]
    assert each.__doc__
    one = each(["a field is missing"]) if each is errors.InvalidRequest else each("It failed.", hint="Do this.")
    assert one.name == name
    assert str(one) == (f"{one.message}\n{one.hint}" if one.hint else one.message)
