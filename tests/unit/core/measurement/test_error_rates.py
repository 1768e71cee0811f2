"""Errors of the function are counted by size, and a size that fails more than the others is found."""

from __future__ import annotations

import random

import pytest

from tuner.core.measurement.error_rates import ErrorRate, error_rates, error_sentences, sizes_that_fail_more
from tuner.core.model import Candidate, Invocation, Observation, Outcome

SMALL, LARGE, LARGER = (Candidate(memory_mb, "x86_64") for memory_mb in (128, 1024, 2048))


def seen(candidate: Candidate, *outcomes: Outcome, message: str = "boom") -> Observation:
    """One batch with these outcomes."""
    return Observation(
        1,
        0,
        candidate,
        tuple(
            Invocation(
                f"r{index}",
                outcome,
                cold=False,
                error_type="ValueError" if outcome == "function_error" else None,
                error_message=message if outcome == "function_error" else None,
            )
            for index, outcome in enumerate(outcomes)
        ),
    )


def many(candidate: Candidate, failed: int, succeeded: int) -> Observation:
    """So many failures and successes."""
    return seen(candidate, *["function_error"] * failed, *["ok"] * succeeded)


def test_only_errors_of_the_function_count() -> None:
    """A timeout, a size that is too small and a lost record are other facts."""
    rates = error_rates([seen(SMALL, "timeout", "out_of_memory", "unmeasured"), seen(LARGE, "ok", "function_error")])
    assert rates == {LARGE: ErrorRate(1, 2)}


def test_size_that_fails_more_is_found() -> None:
    """Four failures of ten beside none of forty are no chance; one of ten is."""
    rates = error_rates([many(SMALL, 4, 6), many(LARGE, 0, 20), many(LARGER, 0, 20)])
    assert sizes_that_fail_more(rates) == {SMALL: ErrorRate(0, 40)}
    rates = error_rates([many(SMALL, 1, 9), many(LARGE, 0, 20), many(LARGER, 0, 20)])
    assert sizes_that_fail_more(rates) == {}


def test_errors_that_come_with_any_size_say_nothing_about_one() -> None:
    """Of 300 runs of a function that fails once in ten at every size, hardly any blames a size."""
    chance = random.Random(7)
    blamed = 0
    for _ in range(300):
        failed = [sum(chance.random() < 0.1 for _ in range(20)) for _ in range(3)]
        rates = {
            candidate: ErrorRate(count, 20) for candidate, count in zip((SMALL, LARGE, LARGER), failed, strict=True)
        }
        blamed += bool(sizes_that_fail_more(rates))
    assert blamed <= 6


@pytest.mark.parametrize("rates", [{}, {SMALL: ErrorRate(5, 5)}, {SMALL: ErrorRate(0, 5), LARGE: ErrorRate(0, 9)}])
def test_nothing_to_compare_blames_nobody(rates: dict[Candidate, ErrorRate]) -> None:
    """No size, one size, or no failure."""
    assert sizes_that_fail_more(rates) == {}


def test_sentences_name_counts_sizes_and_the_commonest_error() -> None:
    """Cut and on one line, whatever the function said."""
    assert error_sentences([many(LARGE, 0, 3)]) == ()
    first, second = error_sentences([many(SMALL, 4, 6), many(LARGE, 0, 40)])
    assert first == "The function failed in 4 of 50 invocations: 4 of 10 at 128 MB x86_64 (ValueError: boom)."
    assert "4 of 10 against 0 of 40" in second
    (long,) = error_sentences([seen(LARGE, "function_error", message="a\n" * 900)])
    assert len(long) < 300
    assert "\n" not in long
