"""Clients that invoke functions: one answer, waited for as long as it may take, and never asked for twice."""

from __future__ import annotations

import pytest

from tuner.core.processors import PROCESSOR_TIMEOUT_S


def test_measuring_waits_for_functions_and_processors_by_their_own_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The function's time-out and a margin; a processor's limit, whatever the function's is; no retries."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("TUNER_CLONE_LOG_GROUP", "/lambda-tuner/clones")
    monkeypatch.setenv("POWERTOOLS_TRACE_DISABLED", "1")
    from tuner.handlers.measure import _invoker

    invoker = _invoker(3)
    for client, wait_s in ((invoker._lambda, 18), (invoker._processors, PROCESSOR_TIMEOUT_S)):
        assert client.meta.config.read_timeout == wait_s
        assert client.meta.config.retries["total_max_attempts"] == 1
