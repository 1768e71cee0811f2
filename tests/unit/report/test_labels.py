"""Names in pictures: on no other name, on no line, and beside their points."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from tuner.report.labels import Box, Plan, Spot, text_width

WIDTH, HEIGHT = 840.0, 360.0


def point(x: float, y: float) -> Box:
    """The room of a point."""
    return Box(x - 7, y - 7, x + 7, y + 7)


def test_a_name_stands_beside_its_point() -> None:
    """Right of it and above, where nothing is in the way, without a line to it."""
    spot = Plan(WIDTH, HEIGHT, [point(400, 200)]).beside(400, 200, 100, must=True)
    assert spot is not None
    assert (spot.align, spot.drawn) == ("left", False)
    assert 400 < spot.x < 420
    assert 180 < spot.y < 200


def test_a_name_keeps_to_its_points_side_of_a_line() -> None:
    """A size that meets the goal is not named among those that do not."""
    goal = Box(410, 0, 413, HEIGHT)
    spot = Plan(WIDTH, HEIGHT, [point(400, 200)], [goal]).beside(400, 200, 100, must=True)
    assert spot is not None
    assert spot.box(100).right < goal.left


def test_a_name_without_room_goes_further_away_with_a_line() -> None:
    """Between a wall and the picture's edge there is no room for it."""
    goal = Box(60, 0, 63, HEIGHT)
    spot = Plan(WIDTH, HEIGHT, [point(40, 200)], [goal]).beside(40, 200, 100, must=True)
    assert spot is not None
    assert spot.drawn
    assert spot.box(100).left > goal.right


def test_a_name_that_need_not_stand_is_left_out() -> None:
    """A measured size among others loses its name and no other's is covered."""
    crowd = [point(x, y) for x in range(300, 500, 14) for y in range(100, 300, 14)]
    assert Plan(WIDTH, HEIGHT, crowd).beside(400, 200, 40, must=False) is None
    assert Plan(WIDTH, HEIGHT, crowd).beside(400, 200, 40, must=True) is not None


@given(
    st.lists(st.tuples(st.floats(20, WIDTH - 20), st.floats(20, HEIGHT - 20)), min_size=1, max_size=4),
    st.floats(150, WIDTH - 150),
)
def test_names_lie_inside_and_on_nothing(at: list[tuple[float, float]], goal_x: float) -> None:
    """Whatever the points, the few names that must stand do, on no other name and not on the goal's line."""
    goal = Box(goal_x - 3, 0, goal_x + 3, HEIGHT)
    plan = Plan(WIDTH, HEIGHT, [point(*each) for each in at], [goal])
    spots = [plan.beside(x, y, 120, must=True) for x, y in at]
    boxes = [spot.box(120) for spot in spots if spot is not None]
    assert len(boxes) == len(at)
    for box in boxes:
        assert min(box.left, box.top) >= 0
        assert box.right <= WIDTH
        assert box.bottom <= HEIGHT
        assert not box.overlaps(goal)
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))


def test_what_lies_outside_is_no_place() -> None:
    """A spot is taken only if the whole name is inside the picture."""
    plan = Plan(100, 100)
    assert plan.choose([Spot(50, 50, "left"), Spot(95, 50, "right")], 60) == Spot(95, 50, "right")
    assert plan.choose([Spot(50, 2, "left")], 60) is None


def test_a_name_rather_crosses_a_line_than_another_name() -> None:
    """Two upright lines close to the edge: the second name goes below the first."""
    lines = [Box(left, 0, left + 2, 200) for left in (10, 55)]
    plan = Plan(400, 200, lines=lines)
    boxes = []
    for at_x, word in ((56, "recommended"), (11, "assumed")):
        spots = (Spot(at_x + 6 * side, y, "left" if side > 0 else "right") for y in (8, 24) for side in (1, -1))
        spot = plan.choose(spots, text_width(word, 12))
        assert spot is not None
        boxes.append(spot.box(text_width(word, 12)))
    assert not boxes[0].overlaps(boxes[1])
