"""Invocations that other work of the machine disturbed: left out, or less sure."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.core.search.simulated import problem_of
from tuner.core.measurement.disturbance import disturbance_sentence, is_disturbed
from tuner.core.model import Candidate, Invocation, LatencyGoal, Observation, RunContext
from tuner.core.search import fit_run, recommend
from tuner.core.search.samples import read_samples
from tuner.core.search.space import space_of

SIZES_MB = (512, 1024, 2048)
PROBLEM = problem_of(SIZES_MB, goal=LatencyGoal(95, 120.0))


def _seen(error_ms: float | None, *, count: int = 8) -> list[Observation]:
    """Warm invocations of 100 ms at each size, that may be off by so much."""
    invocation = Invocation(
        "r", "ok", False, 100.0, 100, environment="e", core_wait_ms=error_ms and 30.0, core_wait_error_ms=error_ms
    )
    spread = (98.0, 100.0, 102.0, 100.0)
    invocations = tuple(replace(invocation, duration_ms=spread[n % 4]) for n in range(count))
    return [Observation(n, n, Candidate(size, "x86_64"), invocations) for n, size in enumerate(SIZES_MB, 1)]


def test_what_may_be_far_off_is_left_out() -> None:
    """Beyond a fifth of the duration an invocation is no sample, while there are others."""
    observations = [*_seen(None)[:1], *_seen(40.0)[1:]]
    samples = read_samples(space_of(PROBLEM), observations)
    assert samples.own_warm_counts.tolist() == [8, 0, 0]


def test_where_all_are_far_off_none_is_left_out() -> None:
    """A run on a machine that is busy all the time has an answer, if an uncertain one."""
    answer = recommend(fit_run(PROBLEM, _seen(40.0), RunContext()), stop_reason="")
    assert answer.verdict == "UNCERTAIN"
    assert answer.recommended.samples == 8


def test_disturbed_samples_widen_the_intervals() -> None:
    """The same durations say less where they may be off, and a verdict that was sure is not any more."""
    calm, disturbed = (recommend(fit_run(PROBLEM, _seen(ms), RunContext()), stop_reason="") for ms in (None, 15.0))
    widths = [a.recommended.duration_ms["p95"].high / a.recommended.duration_ms["p95"].low for a in (calm, disturbed)]
    assert widths[1] > 1.1 * widths[0]
    assert (calm.verdict, disturbed.verdict) == ("GOAL_MET", "UNCERTAIN")


@pytest.mark.parametrize(
    ("observations", "words"),
    [
        (_seen(None), None),
        (_seen(3.0), ("24 of 24 invocations", "subtracted from the durations")),
        (
            [*_seen(None)[:1], *_seen(40.0, count=2)[1:]],
            ("4 of 12 invocations", "4 could not be corrected well enough and were left out"),
        ),
    ],
)
def test_the_reader_is_told_how_many_were_disturbed(
    observations: list[Observation], words: tuple[str, ...] | None
) -> None:
    """And how many of them were left out; nothing is said of a calm machine."""
    sentence = disturbance_sentence(observations)
    assert (sentence is None) == (words is None)
    assert all(each in str(sentence) for each in words or ())


def test_one_disturbed_invocation_does_not_spoil_a_run() -> None:
    """A run of which a tenth was disturbed may still be started from; with more of it, it may not."""
    calm, disturbed = _seen(None, count=10)[:1], _seen(3.0, count=1)[:1]
    assert not is_disturbed([*calm, *disturbed])
    assert is_disturbed([*calm, *disturbed, *disturbed])
