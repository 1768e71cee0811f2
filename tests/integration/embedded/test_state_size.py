"""What a state may give on: 256 KiB, as at AWS, where neither Catch nor Retry helps."""

from __future__ import annotations

import pytest

from tests.integration.embedded.conftest import Account

QUOTA_BYTES = 256 * 1024
"""Source: AWS Step Functions developer guide, "Quotas", seen 2026-11."""


@pytest.mark.parametrize(("times", "status"), [(4, "SUCCEEDED"), (5, "FAILED")])
def test_a_state_gives_on_no_more_than_the_quota(times: int, status: str, account: Account) -> None:
    """What is larger ends the execution, under the name that AWS gives it."""
    text = "x" * (QUOTA_BYTES // 5 + 1000)
    parts = {f"part{number}.$": "$.text" for number in range(times)}
    described = account.run({"Repeat": {"Type": "Pass", "Parameters": parts, "End": True}}, {"text": text})
    assert described["status"] == status
    assert described.get("error") == (None if status == "SUCCEEDED" else "States.DataLimitExceeded")
