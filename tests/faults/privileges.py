"""Plays every story with each role's own credentials, then makes each call again on what it is not for.

``python -m tests.faults.privileges`` prints what was asked, what was refused
although it is needed, and what was granted although it is not, as JSON.
"""

from __future__ import annotations

import io
import json
import re
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from tests.faults.matrix import in_copies
from tests.faults.stories import RUN, STORIES, Story
from tests.faults.world import TARGET, World, world

OTHER = "payments"
"""A function, a role, a bucket and a state machine that no run has to do with."""

_FUNCTION = rf'((?<=functions/)|(?<=nction%3A)|(?<=nName": "))({TARGET}|lambda-tuner-[\w-]+)'


def _night(built: World) -> None:
    built.client("s3").put_object(Bucket=built.bucket, Key="payloads/orders.json", Body=b"{}")
    built.start("nightly", {})
    built.settle()


NIGHT = Story("night", _night, "the fleet is tuned")
NARROW = {"FunctionPattern": f"{TARGET}*", "PassableRoles": f"{TARGET}*"}


def play(built: World, story: Story) -> dict[str, Any]:
    """Play a story under the roles' policies, then repeat its calls elsewhere."""
    from tests.faults.permissions import enforce, needs_of, role_of
    from tests.faults.seam import Answer, Call

    asked: dict[tuple[str, str, str], Call] = {}
    refused: list[str] = []
    _add_strangers(built)

    def guard(call: Call, forward: Callable[[], Answer]) -> Answer:
        role = role_of(call)
        answer = enforce(call, forward)
        if role is not None:
            asked.setdefault((role, f"{call.service}:{call.operation}", re.sub(r"[0-9a-f]{12}", "…", call.url)), call)
            if answer.status == 403:
                refused.append(f"{role}: {call.service}:{call.operation} {call.url}: {answer.body.decode()[:300]}")
        return answer

    built.guard = guard
    story.prepare(built)
    story.play(built)
    statuses = {row["name"]: row["status"] for row in built.executions("tune")}
    granted = []
    tried = 0
    for (role, operation, _), call in asked.items():
        for elsewhere in _elsewhere(call, built):
            tried += 1
            answer = enforce(elsewhere, lambda: Answer(200, {}, b""))
            if answer.status != 403:
                granted.append(f"{role}: {operation} {elsewhere.url} {elsewhere.body[:200]!r}")
    return {
        "story": story.name,
        "status": statuses.get(RUN) or ", ".join(statuses.values()),
        "causes": [built.describe(row["executionArn"]).get("cause") for row in built.executions("tune")],
        "roles": sorted({role for role, _, _ in asked}),
        "asked": len(asked),
        "used": sorted({(role, need.action) for (role, _, _), call in asked.items() for need in needs_of(call)}),
        "tried": tried,
        "refused": refused,
        "granted": granted,
    }


def _add_strangers(built: World) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("app.py", "")
    role = built.client("iam").create_role(RoleName=OTHER, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    built.client("lambda").create_function(
        FunctionName=OTHER, Runtime="python3.13", Handler="app.handler", Role=role, Code={"ZipFile": archive.getvalue()}
    )
    built.client("s3").create_bucket(Bucket=f"{OTHER}-bucket")


def _elsewhere(call: Any, built: World) -> Iterator[Any]:
    """The same call on everything that it is not for."""

    def swapped(pattern: str, name: str) -> Any:
        return replace(
            call, url=re.sub(pattern, name, call.url), body=re.sub(pattern.encode(), name.encode(), call.body)
        )

    if call.service == "lambda" and call.operation != "ListFunctions":
        reads = call.operation.startswith(("Get", "List"))
        for name in (OTHER, f"{built.identity.STACK}-sweep", *(() if reads else (TARGET,))):
            other = swapped(_FUNCTION, name)
            if other != call:
                yield other
        if call.operation == "CreateFunction":
            yield swapped(rf"(?<=:role/){TARGET}", OTHER)
            yield swapped(re.escape(built.bucket), f"{OTHER}-bucket")
    elif call.service == "s3":
        yield swapped(re.escape(built.bucket), f"{OTHER}-bucket")
    elif call.service == "stepfunctions":
        yield swapped(r"(?<=:)lambda-tuner-(tune|restore|nightly)", OTHER)
    elif call.operation == "FilterLogEvents":
        yield swapped(r"/lambda-tuner/clones", f"/aws/lambda/{TARGET}")


def main() -> int:
    """Play all stories, and the night."""
    from tests.faults.permissions import granted_actions

    stories = [*STORIES, NIGHT]
    with world(parameters=NARROW) as built:
        rows = in_copies(built, [lambda story=story: play(built, story) for story in stories], at_once=2)
        results = [row for _, row in sorted(rows, key=lambda row: row[0])]
        roles = [role["RoleName"] for role in built.client("iam").list_roles()["Roles"]]
        grants = [(role, one) for role in roles if role.startswith("lambda-tuner-") for one in granted_actions(role)]
    print(json.dumps({"stories": results, "roles": roles, "grants": grants}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
