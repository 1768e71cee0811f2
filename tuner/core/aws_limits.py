"""Limits of AWS's own that more than one of our modules must keep to, each with its source."""

from __future__ import annotations

import re

MAX_MEMORY_MB = 10_240
"""The largest size of an ordinary function. Source: AWS Lambda quotas, seen 2026-11.

The API model allows 32,768; that is for Managed Instances, which are not tuned.
"""

ONE_VCPU_MB = 1_769
"""At this size a function has one full vCPU. Source: AWS Lambda developer guide, "Configure memory", seen 2026-11."""

CPU_PERIOD_MS, CPU_TICK_MS = 20.0, 4.0
"""CPU is handed out in periods, and a look is taken every tick at what was used of it. Seen in 975,000 durations of one
function (public artefact of arXiv 2506.01283); AWS documents neither."""

SEEN_STARTS_MS = {0.0: 0.47, 3.0: 0.205, 3.5: 0.205, 7.0: 0.12}
"""How long after its period began a handler starts, and how often. From the same durations."""

LONGEST_EXECUTION_NAME = 80
"""Characters ("StartExecution", Step Functions API reference; botocore 1.44.5, shape Name; seen 2026-11)."""

LONGEST_FUNCTION_TIMEOUT_S = 900
"""Of a standard function: 15 minutes.

"Lambda quotas" and the documentation of ``CreateFunction``'s ``Timeout`` in
botocore 1.44.5 agree on it (seen 2026-11). botocore 1.44.8 says 1,800 s there
while the quota page still says 15 minutes: until the page agrees, the shorter
one holds for our own functions and, through them, for what they invoke.
"""

TAG_VALUE = re.compile(r"(?:[^\W_]|[ _.:/=+\-@]){0,256}")
r"""A tag's value: ``[\p{L}\p{Z}\p{N}_.:/=+\-@]{0,256}``.

From Lambda's own refusal (cloud-custodian/cloud-custodian#2520) and "Tag naming
limits and requirements" (Tagging AWS Resources User Guide, seen 2026-11);
Lambda's service model gives no pattern. ``[^\W_]`` is Python's for letters and
digits of every script.
"""

TAG_KEY = re.compile(r"(?!aws:)(?:[^\W_]|[ _.:/=+\-@]){1,128}", re.IGNORECASE)
"""A tag's key, from the same places."""

LONGEST_BUCKET_NAME = 63
"""Characters, and lower-case letters, digits, ``.`` and ``-`` alone ("General purpose bucket naming rules", S3 User
Guide, seen 2026-11)."""


def artifact_bucket(stack: str, account: str, region: str) -> str:
    """Name the artifact bucket of a stack, as the template does."""
    return f"{stack}-artifacts-{account}-{region}"


def stack_name_problem(stack: str, account: str, region: str) -> str | None:
    """Say why a stack cannot have this name, or nothing if it can: the artifact bucket's begins with it.

    Example:
        >>> stack_name_problem("LambdaTuner", "123456789012", "eu-west-1")
        'the artifact bucket is named after the stack, and S3 takes no capital letters'
        >>> stack_name_problem("tuner", "123456789012", "eu-west-1")
    """
    if stack != stack.lower():
        return "the artifact bucket is named after the stack, and S3 takes no capital letters"
    longest = LONGEST_BUCKET_NAME - len(artifact_bucket("", account, region))
    if len(stack) > longest:
        return (
            f"the artifact bucket is named after the stack, and S3 takes at most {LONGEST_BUCKET_NAME} characters: "
            f"that leaves {longest} for the stack in {region}"
        )
    return None
