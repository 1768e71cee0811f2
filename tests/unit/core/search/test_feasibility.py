"""Which sizes are ruled out, and why: by hand."""

from __future__ import annotations

import pytest

from tests.unit.core.search.simulated import problem_of
from tuner.core.model import Architecture, Candidate, Invocation, Observation, Outcome, RunContext
from tuner.core.search.feasibility import ruled_out

SIZES_MB = (128, 256, 512, 1024, 2048)


def seen(
    memory_mb: int, *outcomes: Outcome, used_mb: int | None = None, architecture: Architecture = "x86_64"
) -> Observation:
    """One batch with these outcomes."""
    invocations = tuple(
        Invocation("id", outcome, False, 100.0, max_memory_used_mb=used_mb, error_type="KeyError")
        for outcome in outcomes
    )
    return Observation(1, memory_mb, Candidate(memory_mb, architecture), invocations)


@pytest.mark.parametrize(
    ("observations", "out_mb"),
    [
        pytest.param([], (), id="nothing is known"),
        pytest.param([seen(256, "out_of_memory"), seen(512, "ok")], (128, 256), id="out of memory, and all below"),
        pytest.param([seen(512, "timeout")], (128, 256, 512), id="timed out, and all below"),
        pytest.param([seen(512, "timeout"), seen(256, "ok")], (512,), id="down to one that was seen to end in time"),
        pytest.param([seen(512, "unmeasured")], (), id="a lost record says nothing"),
        pytest.param([seen(512, "ok", used_mb=116)], (128,), id="116 MB are more than 90 % of 128"),
        pytest.param([seen(512, "ok", used_mb=115)], (), id="115 MB are not"),
        pytest.param([seen(256, "ok", used_mb=200), seen(512, "ok", used_mb=470)], (128, 512), id="a heap that grows"),
        pytest.param(
            [seen(1024, "function_error", "function_error", "ok"), seen(512, "ok")], (1024,), id="fails more often"
        ),
        pytest.param([seen(1024, "function_error", "ok"), seen(512, "ok")], (), id="fails as often as not"),
        pytest.param([seen(1024, "function_error")], SIZES_MB, id="never ran on this architecture"),
    ],
)
def test_sizes_are_ruled_out(observations: list[Observation], out_mb: tuple[int, ...]) -> None:
    """Those that cannot work by what was seen, and no other."""
    problem = problem_of(SIZES_MB)
    assert {candidate.memory_mb for candidate in ruled_out(problem, observations, RunContext())} == set(out_mb)


def test_reasons_say_what_was_seen() -> None:
    """Each as the end of a sentence about the size."""
    problem = problem_of(SIZES_MB)
    reasons = ruled_out(problem, [seen(256, "out_of_memory"), seen(512, "ok")], RunContext(memory_cap_mb=1024))
    assert {candidate.memory_mb: reason for candidate, reason in reasons.items()} == {
        128: "256 MB already ran out of memory",
        256: "ran out of memory",
        2048: "above the 1,024 MB that can be used here",
    }


def test_one_architecture_says_nothing_of_the_other() -> None:
    """A function that never ran on arm64 may run on x86_64."""
    problem = problem_of((512, 1024), architectures=("x86_64", "arm64"))
    observations = [seen(512, "function_error", architecture="arm64"), seen(512, "ok")]
    reasons = ruled_out(problem, observations, RunContext())
    assert set(reasons) == {Candidate(512, "arm64"), Candidate(1024, "arm64")}
    assert reasons[Candidate(1024, "arm64")] == "the function does not run on arm64: KeyError"
