"""The doctor in a real account: AWS does with the probe what the embedded AWS did."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

pytestmark = [
    pytest.mark.aws,
    pytest.mark.skipif(os.environ.get("LAMBDA_TUNER_E2E") != "1", reason="needs an AWS account: LAMBDA_TUNER_E2E=1"),
]


@pytest.mark.timeout(1800)
def test_the_account_behaves_as_the_embedded_aws() -> None:
    """Every check passes in the account, Region and stack of the environment (LAMBDA_TUNER_STACK for another stack)."""
    stack = os.environ.get("LAMBDA_TUNER_STACK", "lambda-tuner")
    result = subprocess.run(
        [sys.executable, "-c", "from tuner.cli import main; main()", "doctor", "--yes", "--json", "--stack", stack],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    document = json.loads(result.stdout)
    found = {check["name"]: (check["status"], check["sentence"]) for check in document["checks"]}
    assert {name: one for name, one in found.items() if one[0] == "failed"} == {}
    for name in ("States", "Errors", "Log records", "Step times", "Removal"):
        assert found[name][0] == "ok", found[name]
    assert result.returncode == 0
