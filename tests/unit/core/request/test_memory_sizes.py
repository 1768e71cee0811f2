"""Which memory sizes a run may measure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.core.errors import InvalidRequest
from tuner.core.request.memory_sizes import check_memory, memory_space
from tuner.core.request.tuning_request import ROUND_SIZES_MB, MemoryRange


def test_the_default_space() -> None:
    """128 to 10,240 by 64, 1,769, today's size and the round numbers."""
    space = memory_space(MemoryRange(), current_mb=300)
    assert space.outside == ()
    assert set(range(128, 10_241, 64)) <= set(space.sizes)
    assert {300, 1_769, 3_008, *ROUND_SIZES_MB} <= set(space.sizes)
    assert list(space.sizes) == sorted(set(space.sizes))
    assert check_memory("ALL") == check_memory({}) == check_memory(None) == (MemoryRange(), [])


def test_a_range_holds_round_sizes_between_its_ends() -> None:
    """And none beyond, but for today's size."""
    assert memory_space(MemoryRange(400, 700, 100), current_mb=128).sizes == (128, 400, 500, 512, 600, 640, 700)
    assert 1_769 in memory_space(MemoryRange(1_700, 1_800, 50), current_mb=1_700).sizes
    assert memory_space(MemoryRange(512, 512), current_mb=512).sizes == (512,)


def test_a_list_is_taken_as_it_is() -> None:
    """Only today's size is added; order and repetition do not matter."""
    assert check_memory([1_024, 512, 512.0]) == ((512, 1_024), [])
    assert memory_space((1_024, 512), current_mb=256).sizes == (256, 512, 1_024)
    assert memory_space((512,), current_mb=512).sizes == (512,)


def test_a_cap_moves_sizes_outside_with_a_reason() -> None:
    """What cannot be measured here is listed, not dropped."""
    space = memory_space((512, 3_008, 10_240), current_mb=1_024, cap_mb=3_008)
    assert space.sizes == (512, 1_024, 3_008)
    assert space.outside == ((10_240, "is above the largest size that can be measured here, 3,008 MB"),)
    reason = "takes more than this machine's 2 cores"
    local = memory_space((512, 10_240), current_mb=4_096, cap_mb=3_538, cap_reason=reason)
    assert local.sizes == (512,)
    assert local.outside == ((4_096, reason), (10_240, reason))


def test_no_size_left_is_refused() -> None:
    """A cap below every size leaves nothing to measure."""
    with pytest.raises(InvalidRequest, match=r"leaves no size to measure: each of 4,096, 10,240 MB is above"):
        memory_space((10_240,), current_mb=4_096, cap_mb=3_008)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("512", 'memory is the text "512"'),
        ("all", 'memory is the text "all"'),
        (512, "memory is 512"),
        (True, "memory is true"),
        ([], "empty list"),
        ([64], "memory[0] is 64"),
        ([512, 10_241], "memory[1] is 10241"),
        ([512.5], "memory[0] is 512.5"),
        ([True], "memory[0] is true"),
        (["512"], 'memory[0] is the text "512"'),
        ([None], "memory[0] is null"),
        ([float("nan")], "memory[0] is NaN"),
        ([float("inf")], "memory[0] is Infinity"),
        ({"min": 64}, "memory.min is 64"),
        ({"max": 20_000}, "memory.max is 20000"),
        ({"step": 0}, "memory.step is 0"),
        ({"step": "64"}, 'memory.step is the text "64"'),
        ({"min": 512, "max": 256}, "memory.min is 512 and memory.max is 256"),
        ({"minimum": 256}, "memory.minimum is not a field"),
    ],
)
def test_sizes_that_do_not_exist_are_refused(spec, words: str) -> None:
    """The sentence names the item."""
    assert words in check_memory(spec)[1][0]
    checked, problems = check_memory(spec, called=lambda path: path.replace("memory", "powerValues"))
    assert checked is None
    assert all(problem.startswith("powerValues") for problem in problems)


def test_every_problem_is_listed() -> None:
    """Not only the first one."""
    assert len(check_memory({"min": 1, "max": 2, "step": 0, "x": 1})[1]) == 4
    assert len(check_memory([1, 512, "x"])[1]) == 2


@given(
    st.integers(128, 10_240),
    st.integers(128, 10_240),
    st.integers(1, 10_240),
    st.integers(128, 10_240),
    st.integers(128, 10_240),
)
def test_spaces_are_whole(low: int, high: int, step: int, current_mb: int, cap_mb: int) -> None:
    """Every asked size is in or outside, ascending, within Lambda's bounds; today's size is one of them."""
    low, high = min(low, high), max(low, high)
    try:
        space = memory_space(MemoryRange(low, high, step), current_mb=current_mb, cap_mb=cap_mb)
    except InvalidRequest:
        assert cap_mb < low
        assert cap_mb < current_mb
        return
    outside = [size for size, _ in space.outside]
    together = [*space.sizes, *outside]
    assert space.sizes
    assert together == sorted(set(together))
    assert {current_mb, *range(low, high + 1, step)} <= set(together)
    assert all(size <= cap_mb for size in space.sizes)
    assert all(size > cap_mb for size in outside)
    assert all(low <= size <= high or size == current_mb for size in together)
