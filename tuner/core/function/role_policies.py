"""What the policies of a function's role mean for a clone of it that has the same role and another name.

Not an evaluation of IAM: boundaries, service control policies, and policies
of the resources that are called are not seen. It finds the two things that
differ between a function and its clone although both have the same role: a
condition on who calls, and a resource that is the function itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class RolePolicy:
    """One policy of a role."""

    name: str
    document: Mapping[str, Any]


def bound_to_caller(policies: Sequence[RolePolicy], *, function_arn: str, clone_arn: str) -> tuple[str, ...]:
    """Name the policies that hold for the function and not for its clone, or the other way round.

    ``lambda:SourceFunctionArn`` is the ARN of the function whose code calls;
    ``aws:userid`` ends with the session's name, which is the function's. Both ARNs are without version or alias.
    """
    return tuple(
        policy.name
        for policy in policies
        if any(
            _matches_caller(key, value, function_arn) != _matches_caller(key, value, clone_arn)
            for statement in _statements(policy)
            for key, value in _conditions(statement)
        )
    )


def allows(policies: Sequence[RolePolicy], action: str, resource: str) -> bool:
    """Whether some statement allows an action on a resource, and none without a condition denies it.

    Conditions are taken to be met where they allow and not to be met where
    they deny: what may be possible is not called impossible.
    """
    found = False
    for policy in policies:
        for statement in _statements(policy):
            if not _covers(statement, action, resource):
                continue
            if statement.get("Effect") == "Deny" and not statement.get("Condition"):
                return False
            found = found or statement.get("Effect") == "Allow"
    return found


def names_itself(policies: Sequence[RolePolicy], action: str, function_arn: str) -> bool:
    """Whether a policy allows an action on the function by its name, and not by a pattern that covers others too."""
    return any(
        statement.get("Effect") == "Allow"
        and _any_matches(_list(statement.get("Action")), action, ignore_case=True)
        and any(pattern == function_arn or pattern.startswith(f"{function_arn}:") for pattern in _resources(statement))
        for policy in policies
        for statement in _statements(policy)
    )


def _statements(policy: RolePolicy) -> Iterator[Mapping[str, Any]]:
    for statement in _list(policy.document.get("Statement")):
        if isinstance(statement, Mapping):
            yield statement


def _conditions(statement: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for operator, keys in (statement.get("Condition") or {}).items():
        # "Null" asks whether the key is there, which it is for both.
        if operator.casefold() == "null" or not isinstance(keys, Mapping):
            continue
        for key, values in keys.items():
            for value in _list(values):
                yield str(key).casefold(), str(value)


def _matches_caller(key: str, pattern: str, function_arn: str) -> bool:
    if key == "lambda:sourcefunctionarn":
        return _matches(pattern, function_arn)
    if key == "aws:userid":
        # <role id>:<session name>; the id is the same for both.
        return _matches(pattern.rpartition(":")[2], function_arn.rpartition(":")[2])
    return False


def _covers(statement: Mapping[str, Any], action: str, resource: str) -> bool:
    if "NotAction" in statement:
        acts = not _any_matches(_list(statement["NotAction"]), action, ignore_case=True)
    else:
        acts = _any_matches(_list(statement.get("Action")), action, ignore_case=True)
    if "NotResource" in statement:
        return acts and not _any_matches(_list(statement["NotResource"]), resource)
    return acts and _any_matches(_resources(statement), resource)


def _resources(statement: Mapping[str, Any]) -> list[str]:
    return [str(one) for one in _list(statement.get("Resource"))]


def _any_matches(patterns: Sequence[Any], text: str, *, ignore_case: bool = False) -> bool:
    return any(_matches(str(pattern), text, ignore_case=ignore_case) for pattern in patterns)


def _matches(pattern: str, text: str, *, ignore_case: bool = False) -> bool:
    # IAM's own wildcards; fnmatch would give brackets a meaning that they have not.
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, text, re.DOTALL | (re.IGNORECASE if ignore_case else 0)) is not None


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]
