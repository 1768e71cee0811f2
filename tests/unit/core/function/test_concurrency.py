"""What a run may have in flight, and what its clones may reserve."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.core.errors import InvalidRequest
from tuner.core.function.concurrency import LEAST_UNRESERVED, Concurrency, Reserve, plan_concurrency


@pytest.mark.parametrize(
    ("parallel", "reserved", "unreserved", "expected"),
    [
        (True, None, 1000, (5, 5)),
        (False, None, 1000, (5, 1)),
        (True, None, 10, (1, 1)),
        (True, None, 100, (5, 2)),
        (True, 100, 1000, (5, 2)),
        (True, 100, 10, (1, 1)),
        (True, 1, 1000, (1, 1)),
        (True, 30, None, (3, 1)),
        (True, None, None, (5, 1)),
        (False, 20, 1000, (2, 1)),
    ],
)
def test_a_run_takes_a_tenth_at_most(
    parallel: bool, reserved: int | None, unreserved: int | None, expected: tuple[int, int]
) -> None:
    """Of what the function or, where nothing is reserved, the account could need; one invocation always."""
    found = plan_concurrency(parallel=parallel, reserved=reserved, unreserved=unreserved)
    assert found == Concurrency(*expected)
    bounds = [bound for bound in (reserved, unreserved) if bound is not None]
    assert found.batches * found.per_batch <= max(1, min(bounds, default=50) / 10)


@pytest.mark.parametrize(("per_clone", "per_batch"), [(None, 5), (1, 1), (2, 2), (5, 5)])
def test_no_more_of_a_copy_are_invoked_than_it_reserves(per_clone: int | None, per_batch: int) -> None:
    """More at once would only be throttled."""
    found = plan_concurrency(parallel=True, reserved=None, unreserved=1000, per_clone=per_clone)
    assert found == Concurrency(5, per_batch)


def test_what_a_reserve_takes_from_others_is_said() -> None:
    """With the number of clones that may be there at once."""
    assert Reserve(2, 30).check(160) == (
        "Each of up to 30 clones reserves 2 of the account's concurrency until the run ends: of the 160 that no "
        "function has reserved, the others have 60 less until then."
    )
    assert "1 clone reserves" in Reserve(2, 1).check(1000)
    assert "could not be read" in Reserve(2, 30).check(None)


@pytest.mark.parametrize(
    ("per_clone", "copies", "unreserved", "way_out"),
    [
        (2, 30, 159, "With 1 it would fit; or list fewer sizes in memory"),
        (5, 50, 300, "With 4 it would fit"),
        (1, 50, 140, "List fewer sizes in memory, lower budget.maxInvocations"),
        (1, 1, 10, "leave reservedConcurrency out"),
    ],
)
def test_a_reserve_that_leaves_others_too_little_is_refused(
    per_clone: int, copies: int, unreserved: int, way_out: str
) -> None:
    """With the reason, and what would fit."""
    with pytest.raises(InvalidRequest) as raised:
        Reserve(per_clone, copies).check(unreserved)
    assert f"reservedConcurrency is {per_clone}: up to {copies} clone" in raised.value.message
    assert f"would reserve {per_clone * copies} of the account's concurrency, of which {unreserved}" in (
        raised.value.message
    )
    assert way_out in str(raised.value.hint)


@given(st.integers(1, 5), st.integers(1, 400), st.integers(0, 3000))
def test_others_keep_what_aws_keeps_for_them(per_clone: int, copies: int, unreserved: int) -> None:
    """What is let through leaves a hundred; what is refused would not, and what is said to fit does."""
    reserve = Reserve(per_clone, copies)
    try:
        reserve.check(unreserved)
    except InvalidRequest as refused:
        assert unreserved - per_clone * copies < LEAST_UNRESERVED
        if str(refused.hint).startswith("With "):
            Reserve(int(str(refused.hint).split()[1]), copies).check(unreserved)
    else:
        assert unreserved - per_clone * copies >= LEAST_UNRESERVED
