"""Where each state machine stands against the 256 KiB that a state may give on, at the largest accepted request."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.infrastructure.deployed import ACCOUNT, REGION, ROOT
from tuner.core.model import Candidate
from tuner.core.request.fleet import FleetMember, read_member
from tuner.core.request.power_tuning import MOST_COPIES
from tuner.core.search.fixed_design import ROUND_LIMIT

STATE_BYTES = 256 * 1024
"""Source: AWS Step Functions quotas, seen 2026-11. ``tests/integration/embedded/test_state_size.py``: here as there."""
CAUSE_CHARACTERS = 32_768
"""Longest cause of an error (API reference, ``TaskFailedEventDetails``, seen 2026-11)."""
RUN_ID = "n" * 80
FAILURE = {"Error": "Lambda.AWSLambdaException", "Cause": "x" * CAUSE_CHARACTERS}
EXPLAINED = {"name": "TooManyUnmeasured", "cause": "x" * 3_000}


def size_of(state: Any) -> int:
    """Bytes of a state as JSON."""
    return len(json.dumps(state, separators=(",", ":")).encode())


def test_tune_carries_a_round_and_a_failure() -> None:
    """Run id, a full round's batches, and the longest failure of every step that may fail after another."""
    batch = {"round": 100, "trial": 9_999, "memoryMb": 10_240, "architecture": "x86_64"}
    suggestion = {"done": False, "round": 100, "count": ROUND_LIMIT, "batches": [batch] * ROUND_LIMIT}
    state = {"runId": RUN_ID, "dryRun": False, "parallelBatches": 5, "suggestion": suggestion}
    assert size_of(state) < 8_000
    failed = dict.fromkeys(("failure", "explainFailure", "restoreFailure", "reportFailure"), FAILURE)
    assert size_of({**state, **failed, "explained": EXPLAINED}) < 0.6 * STATE_BYTES


def test_tunes_output_holds_a_row_for_every_copy() -> None:
    """With ``includeOutputResults``, the longest numbers, beside all else that the output has."""
    row = {
        "value": 10_240,
        "architecture": "x86_64",
        "averagePrice": 1.2345678901234567e-06,
        "averageDuration": 840000.1234567891,
    }
    assert size_of([row] * MOST_COPIES) + 8_000 < STATE_BYTES


def test_restore_carries_its_input_and_failures() -> None:
    """What a rule or a person starts it with, and the longest failures."""
    failed = dict.fromkeys(("failure", "explainFailure", "restoreFailure", "reportFailure"), FAILURE)
    state = {"runId": RUN_ID, "status": "TIMED_OUT", **failed, "explained": EXPLAINED}
    assert size_of(state) < 0.6 * STATE_BYTES


def test_nightly_carries_as_many_functions_as_the_limits_say() -> None:
    """The fleet and its results, with the longest names, and reasons as long as ExplainFailure gives."""
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{'f' * 64}"
    tags = {"lambda-tuner:payload": f"s3://lambda-tuner-artifacts-{ACCOUNT}-{REGION}/payloads/event.json"}
    member = read_member(arn, {**tags, "lambda-tuner:goal": "p95=300ms"}, night="night-7")
    assert isinstance(member, FleetMember)
    asked = {"name": member.execution_name, "input": dict(member.input)}
    candidate = Candidate(1024, "arm64")
    arn_of_run = f"arn:aws:states:{REGION}:{ACCOUNT}:execution:lambda-tuner-tune:{member.execution_name}"
    answer = {
        "name": arn_of_run.rsplit(":", 1)[-1],
        "runId": member.execution_name,
        "functionArn": arn,
        "verdict": "GOAL_MET",
        "memoryMb": candidate.memory_mb,
        "architecture": candidate.architecture,
        "currentMemoryMb": 2048,
        "savingRatio": 0.4321098765432109,
        "confidence": 0.9623456789012345,
        "spentUsd": 0.0012345678901234567,
    }
    failed = {"name": asked["name"], "functionName": arn, "error": "CloneFailed", "cause": "x" * 2_000}
    limits = (ROOT / "docs" / "limits.md").read_text(encoding="utf-8")
    found = re.search(r"\| (\d+); (\d+) if all of them fail", limits)
    assert found is not None
    for documented, result in zip(found.groups(), (answer, failed), strict=True):
        most = STATE_BYTES // (size_of(asked) + size_of(result) + 2)
        assert most - 10 < int(documented) <= most
