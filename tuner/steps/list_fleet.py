"""ListFleet: which functions are tuned tonight."""

from __future__ import annotations

from typing import Any

from tuner.aws.tagged import tagged_functions
from tuner.core.request.fleet import ENABLED_TAG, ENABLED_VALUE, FleetMember, read_member


def list_fleet(tagging: Any, *, execution_name: str) -> dict[str, Any]:
    """List every function with our tag: to be tuned, or skipped with the reason.

    Returns:
        ``functions`` (``name`` of the execution and its ``input``) and
        ``skipped`` (``functionArn``, ``reason``), each in the order of the ARN.
    """
    members = [
        read_member(arn, tags, night=execution_name)
        for arn, tags in sorted(tagged_functions(tagging, ENABLED_TAG, ENABLED_VALUE))
    ]
    return {
        "functions": [
            {"name": member.execution_name, "input": dict(member.input)}
            for member in members
            if isinstance(member, FleetMember)
        ],
        "skipped": [
            {"functionArn": member.function_arn, "reason": member.reason}
            for member in members
            if not isinstance(member, FleetMember)
        ],
    }
