"""Where the names in a picture stand: on no other name, on no line, and where they can on no point.

Plain geometry in the picture's pixels, x to the right and y downwards.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

Align = Literal["left", "center", "right"]

LINE_HEIGHT = 16.0
_COLUMN = 20.0
_NEAR = 12.0
"""From a point to its name."""
_DISTANCES = (0.0, 14.0, 26.0, 40.0, 58.0, 80.0, 110.0, 145.0, 190.0)
"""How much further away a name may go; from the third on, or over a line, a line leads to its point."""
_DIRECTIONS: tuple[tuple[int, int, Align], ...] = (
    *((1, -1, "left"), (-1, -1, "right"), (1, 1, "left"), (-1, 1, "right"), (1, 0, "left"), (-1, 0, "right")),
    *((0, -1, "center"), (0, 1, "center"), (0, -1, "right"), (0, 1, "right"), (0, -1, "left"), (0, 1, "left")),
)
"""From a point, in the order of preference: right and above it first, above or below it and to one side last."""
_OVER = 14.0
"""How far a name above or below a point reaches to the point's other side."""
_ON_A_LINE, _THROUGH_A_NAME, _OVER_A_LINE, _ON_A_POINT = 3000.0, 1000.0, 60.0, 40.0
"""What it costs to stand on a line or a name, to lead through a name or over a line, to cover a point."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle: a name, a point with its room, a line."""

    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: Box) -> bool:
        """Whether they share anything."""
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a name may stand: *x* is its beginning, middle or end, as *align* says, *y* the middle of its line.

    ``way`` goes from the point that the name belongs to, and is *drawn* where the name stands apart from it.
    """

    x: float
    y: float
    align: Align
    way: tuple[float, float, float, float] | None = None
    drawn: bool = False

    def box(self, width: float) -> Box:
        """The room of a name so wide, with some air."""
        left = self.x - {"left": 0.0, "center": width / 2, "right": width}[self.align]
        return Box(left - 2, self.y - LINE_HEIGHT / 2, left + width + 2, self.y + LINE_HEIGHT / 2)


@dataclass
class Plan:
    """A picture, what is in it, and the names that were given a place."""

    width: float
    height: float
    points: Sequence[Box] = ()
    """What a name had better not cover."""
    lines: Sequence[Box] = ()
    """What no name may stand on."""

    def __post_init__(self) -> None:
        self._taken: list[Box] = []

    def beside(self, x: float, y: float, width: float, *, must: bool) -> Spot | None:
        """Find a place for the name of a point; ``None`` for one that need not stand and has no room beside it."""
        elsewhere = self._everywhere(x, y) if must else ()
        return self.choose(_around(x, y, _DISTANCES if must else _DISTANCES[:1]), width, elsewhere, must=must)

    def _everywhere(self, x: float, y: float) -> Iterator[Spot]:
        """Places all over the picture, with a line from the point, for a name that finds none near it."""
        for down in range(1, int(self.height / LINE_HEIGHT)):
            for across in range(1, int(self.width / _COLUMN)):
                at_x, at_y = across * _COLUMN, down * LINE_HEIGHT
                yield Spot(at_x, at_y, "left", (x, y, at_x - 3, at_y), drawn=True)

    def choose(
        self, spots: Iterable[Spot], width: float, elsewhere: Iterable[Spot] = (), *, must: bool = True
    ) -> Spot | None:
        """Take the first of the best spots for a name of this width; ``None`` if none lies inside the picture."""
        best, least = None, math.inf if must else _ON_A_POINT
        near = [*spots]
        for order, spot in enumerate(itertools.chain(near, elsewhere)):
            if order >= len(near) and least < _ON_A_LINE:
                break
            box = spot.box(width)
            if box.left < 0 or box.top < 0 or box.right > self.width or box.bottom > self.height:
                continue
            cost = float(order) + _ON_A_POINT * sum(map(box.overlaps, self.points))
            way = _along(spot.way)
            beyond = _meet(way, self.lines)
            drawn = spot.drawn or beyond
            cost += _ON_A_LINE * (any(map(box.overlaps, self._taken)) + any(map(box.overlaps, self.lines)))
            cost += _THROUGH_A_NAME * (drawn and _meet(way, self._taken)) + _OVER_A_LINE * beyond
            if cost < least:
                best, least = replace(spot, drawn=drawn), cost
        if best is not None:
            self._taken += [best.box(width), *(_along(best.way) if best.drawn else ())]
        return best


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """How wide a text may be in a wide system font, in pixels."""
    return len(text) * size * (0.7 if bold else 0.63)


def _around(x: float, y: float, distances: Sequence[float]) -> Iterator[Spot]:
    """Places around a point, nearest first."""
    for number, far in enumerate(distances):
        for across, down, align in _DIRECTIONS:
            slant = 0.7 if across and down else 1.0
            over = 0.0 if across else {"left": -_OVER, "center": 0.0, "right": _OVER}[align]
            at_x = x + across * (_NEAR * (0.8 if down else 1.0) + far * slant) + over
            at_y = y + down * (_NEAR * (1.0 if across else 1.3) + far * slant)
            end = (at_x - across * 3 - over, at_y - (0 if across else down * (LINE_HEIGHT / 2 + 1)))
            yield Spot(at_x, at_y, align, (x, y, *end), drawn=number > 1)


def _meet(some: Sequence[Box], others: Sequence[Box]) -> bool:
    return any(one.overlaps(other) for one in some for other in others)


def _along(line: tuple[float, float, float, float] | None) -> list[Box]:
    """A slanted line as small boxes; its beginning, where its point is, left out."""
    if line is None:
        return []
    x, y, end_x, end_y = line
    steps = max(4, round(math.hypot(end_x - x, end_y - y) / 4))
    at = [(x + (end_x - x) * step / steps, y + (end_y - y) * step / steps) for step in range(2, steps + 1)]
    return [Box(one - 1, other - 1, one + 1, other + 1) for one, other in at]
