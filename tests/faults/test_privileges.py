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
    "expiring": "SUCCEEDED",
    "reserving": "SUCCEEDED",
    "long": "SUCCEEDED",
    "followed": "ABORTED",
    "snapshots": "SUCCEEDED",
    "around": "SUCCEEDED",
    "unrestored": "ABORTED",
    "orphaned": "SUCCEEDED",
    "night": "SUCCEEDED",
}

LOG_DELIVERY = {
    f"logs:{action}"
    for action in (
        *("CreateLogDelivery", "DeleteLogDelivery", "DescribeLogGroups", "DescribeResourcePolicies"),
        *("GetLogDelivery", "ListLogDeliveries", "PutResourcePolicy", "UpdateLogDelivery"),
    )
}
NOT_PLAYED = {
    # Lambda's own doing, for every function of ours; and ListBucket, by which S3 tells what is not there.
    "": {
        *("logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTelemetryRecords", "xray:PutTraceSegments"),
        "s3:ListBucket",
    },
    # Asked by Lambda of whoever creates a function with an image, a network or a file system: moto has none of them.
    "CreateClonesRole": {
        *("ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs"),
        *("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:GetRepositoryPolicy"),
        *("elasticfilesystem:DescribeMountTargets", "s3files:ListMountTargets"),
        *("lambda:AssociateRuntimeAlias", "lambda:GetFunction"),
    },
    # Step Functions' own doing.
    "TuneMachineRole": LOG_DELIVERY,
    "RestoreMachineRole": LOG_DELIVERY,
    "NightlyMachineRole": {
        *("events:DescribeRule", "events:PutRule", "events:PutTargets", "states:StopExecution"),
        *LOG_DELIVERY,
    },
    "NightlyScheduleRole": {"states:StartExecution"},
}
"""What a role may do and no story does, and why: everything else that a step asks of AWS is in the fault matrix."""


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
    """A role that no story uses would be one that nothing is proved about; the probe's only writes a log."""
    used = {role for row in found["stories"] for role in row["roles"]}
    unused = {role for role in found["roles"] if role.startswith("lambda-tuner-")} - used
    assert {role.rsplit("-", 1)[0] for role in unused} == {
        "lambda-tuner-NightlyScheduleRole",
        "lambda-tuner-ProbeRole",
    }


def test_stories_do_all_that_is_granted(found: dict[str, Any]) -> None:
    """A call that the template grants and no story makes would be a call into which no fault is put."""
    used = {tuple(one) for row in found["stories"] for one in row["used"]}
    unplayed = {
        (role.split("-")[2], action) for role, action in map(tuple, found["grants"]) if (role, action) not in used
    }
    assert {(role, action) for role, action in unplayed if action not in NOT_PLAYED[""]} == {
        (role, action) for role, actions in NOT_PLAYED.items() if role for action in actions
    }
