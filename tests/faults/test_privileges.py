"""Least privilege for real: everything is done with each role's own credentials, and can be done nowhere else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(960)

ROOT = Path(__file__).parents[2]
STATUSES = {
    "well": "SUCCEEDED",
    "failing": "FAILED",
    "refused": "FAILED",
    "unworded": "FAILED",
    "stopped": "ABORTED",
    "swept": "ABORTED",
    "reserving": "SUCCEEDED",
    "long": "SUCCEEDED",
    "followed": "ABORTED",
    "snapshots": "SUCCEEDED",
    "night": "SUCCEEDED",
}


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    """What the stories asked for under their roles' policies."""
    run = subprocess.run(
        [sys.executable, "-m", "tests.faults.privileges"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    return dict(json.loads(run.stdout))


def test_every_story_ends_as_it_does_without_policies(found: dict[str, Any]) -> None:
    """The policies of the template keep no run from its end, good or bad, nor the sweeper, nor the night."""
    assert {row["story"]: row.get("broken") or row["status"] for row in found["stories"]} == STATUSES


def test_every_call_that_is_needed_is_allowed(found: dict[str, Any]) -> None:
    """No call of any role is refused."""
    assert [refusal for row in found["stories"] for refusal in row["refused"]] == []


def test_the_same_calls_elsewhere_are_refused(found: dict[str, Any]) -> None:
    """On another function, the function under test, one of the stack's own, another bucket, role or machine: denied."""
    assert [grant for row in found["stories"] for grant in row["granted"]] == []
    assert sum(row["tried"] for row in found["stories"]) > 300


def test_every_role_was_used(found: dict[str, Any]) -> None:
    """A role that no story uses would be a role that nothing was proved about; a schedule starts the night."""
    used = {role for row in found["stories"] for role in row["roles"]}
    unused = {role for role in found["roles"] if role.startswith("lambda-tuner-")} - used
    assert {role.rsplit("-", 1)[0] for role in unused} == {"lambda-tuner-NightlyScheduleRole"}
