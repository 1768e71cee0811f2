"""Measurements that other work of the user's own machine disturbed: which are left out, and how wide the others are.

What an invocation waited for a core is not in its duration any more; how far
off that may be comes with it. An account's invocations have neither.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tuner.core.model import Invocation, Observation, invocations_of

LEFT_OUT_RATIO = 0.2
"""An invocation that may be off by more than this share of its duration says more about the machine."""
DISTURBED_RUN_SHARE = 0.1
"""No later run starts from one in which more of the invocations were disturbed."""


def error_ratio(invocation: Invocation) -> float:
    """How far off its duration may be, as a share of it; 0 if nothing disturbed it."""
    if not invocation.core_wait_error_ms or not invocation.duration_ms:
        return 0.0
    return invocation.core_wait_error_ms / invocation.duration_ms


def is_left_out(observations: Sequence[Observation]) -> Callable[[Invocation], bool]:
    """Tell which invocations of a run are left out: none, where nothing warm would be left to answer from."""
    usable = [i for i in invocations_of(observations) if i.outcome == "ok" and i.duration_ms is not None]
    if all(i.cold or error_ratio(i) > LEFT_OUT_RATIO for i in usable):
        return lambda _: False
    return lambda invocation: error_ratio(invocation) > LEFT_OUT_RATIO


def is_disturbed(observations: Sequence[Observation]) -> bool:
    """Whether other work disturbed too much of a run for a later one to start from it."""
    invocations = invocations_of(observations)
    disturbed = sum(invocation.core_wait_ms is not None for invocation in invocations)
    return disturbed > DISTURBED_RUN_SHARE * len(invocations)


def disturbance_sentence(observations: Sequence[Observation]) -> str | None:
    """What a reader should know of it; None if nothing was disturbed."""
    invocations = invocations_of(observations)
    disturbed = [invocation for invocation in invocations if invocation.core_wait_ms is not None]
    if not disturbed:
        return None
    left_out = is_left_out(observations)
    left_out_count = sum(map(left_out, disturbed))
    what = (
        f"Other work on this machine disturbed {len(disturbed)} of {_counted(len(invocations))}. "
        "The time spent waiting for a core was subtracted from the durations, and the intervals are wider."
    )
    if not left_out_count:
        return what
    return f"{what} {left_out_count} could not be corrected well enough and {_was(left_out_count)} left out."


def _was(count: int) -> str:
    return "was" if count == 1 else "were"


def _counted(count: int) -> str:
    return f"{count} invocation{'' if count == 1 else 's'}"
