"""No request that the contract accepts is too large for our own functions, or for the state of a machine."""

from __future__ import annotations

import pytest

from tests.infrastructure.deployed import Deployed
from tests.infrastructure.worst_cases import measure
from tuner.aws.clients import CALL_WORST_S, client
from tuner.core.aws_limits import ONE_VCPU_MB

MOST_MB = 600
MOST_CPU_S = 20
STATE_BYTES = 256 * 1024
"""Largest input or output of a state. Source: AWS Step Functions quotas, seen 2026-11."""


@pytest.mark.parametrize(
    "case", ["every size", "largest design", "longest batch", "large payloads", "largest package", "a night"]
)
def test_the_worst_case_fits_the_function_that_it_runs_in(case: str, by_default: Deployed) -> None:
    """Memory, CPU time at the function's share of a CPU, and the answer's size stay within what is deployed."""
    functions = {one["Handler"]: one for one in by_default.functions.values()}
    for used in measure(case):
        function = functions[f"tuner.handlers.{used.handler}.handler"]
        assert used.peak_mb < min(0.9 * function["MemorySize"], MOST_MB), used
        assert used.cpu_s < MOST_CPU_S, used
        # Half of its time is left for what the stand-in of AWS does not take.
        assert used.cpu_s / min(1.0, function["MemorySize"] / ONE_VCPU_MB) < 0.5 * function["Timeout"], used
        assert used.answer_bytes < STATE_BYTES, used


def test_no_call_outlasts_the_function_that_makes_it(by_default: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    """All attempts at one call, each at its timeouts, end before the function's own time does."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    config = client.__wrapped__("lambda").meta.config
    attempts = config.retries["total_max_attempts"]
    waits_s = sum(2**attempt for attempt in range(attempts - 1))
    assert attempts * (config.connect_timeout + config.read_timeout) + waits_s <= CALL_WORST_S
    assert all(function["Timeout"] > CALL_WORST_S for function in by_default.functions.values())
