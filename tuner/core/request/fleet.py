"""Which functions are tuned at night, read from their own tags."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tuner.core.aws_limits import LONGEST_EXECUTION_NAME
from tuner.core.errors import InvalidRequest
from tuner.core.request.goal import parse_goal

ENABLED_TAG = "lambda-tuner"
ENABLED_VALUE = "enabled"
GOAL_TAG = "lambda-tuner:goal"
PAYLOAD_TAG = "lambda-tuner:payload"


@dataclass(frozen=True, slots=True)
class FleetMember:
    """A function to tune tonight: its execution's name and input."""

    execution_name: str
    input: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Skipped:
    """A function with our tag that is listed and not invoked, and why."""

    function_arn: str
    reason: str


def read_member(function_arn: str, tags: Mapping[str, str], *, night: str) -> FleetMember | Skipped:
    """Read what a function's tags ask for.

    *night* makes the execution's name unique.
    """
    payload = tags.get(PAYLOAD_TAG, "").strip()
    if not payload:
        return Skipped(function_arn, f"it has no tag {PAYLOAD_TAG} to name the event for its invocations")
    if not re.fullmatch(r"s3://[^/\s]+/\S+", payload):
        return Skipped(function_arn, f"its tag {PAYLOAD_TAG} is {payload}: write it as s3://bucket/key")
    request: dict[str, Any] = {"lambdaARN": function_arn, "payloadS3": payload}
    goal_text = tags.get(GOAL_TAG, "").strip()
    if goal_text:
        try:
            request["goal"] = parse_goal(goal_text, field=f"its tag {GOAL_TAG}")
        except InvalidRequest as error:
            return Skipped(function_arn, "; ".join(error.problems))
    return FleetMember(child_name(function_arn, night), request)


def child_name(function_arn: str, night: str) -> str:
    """Name one function's execution of one night.

    The same night and function always give the same name, so that a repeated
    start finds the first one.

    Example:
        >>> child_name("arn:aws:lambda:eu-west-1:123456789012:function:resize", "night-7")
        'night-7-resize-7254594a'
    """
    function_name = function_arn.split(":")[6]
    digest = hashlib.sha256(f"{night} {function_arn}".encode()).hexdigest()[:8]
    room = LONGEST_EXECUTION_NAME - len(digest) - 2
    return f"{night[: room - min(len(function_name), room // 2) - 1]}-{function_name[: room // 2]}-{digest}"
