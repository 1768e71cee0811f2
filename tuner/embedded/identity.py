"""What the embedded account is called: one account, one Region, one stack, the same on every machine."""

from __future__ import annotations

import os

from tuner.core.aws_limits import MAX_MEMORY_MB, ONE_VCPU_MB
from tuner.core.run.plan import CLONE_PREFIX

ACCOUNT_ID = "123456789012"
REGION = "us-east-1"
STACK = "lambda-tuner"
DEFAULT_PORT = 4599

CODE_BUCKET = f"{STACK}-code-{ACCOUNT_ID}-{REGION}"
"""Holds what is uploaded before the stack exists: the archive of our own functions' code."""


def interpreter_object(package_sha256: str) -> str:
    """Name the object of the code bucket that says which Python runs a package."""
    return f"interpreters/{package_sha256}"


ARTIFACT_BUCKET = f"{STACK}-artifacts-{ACCOUNT_ID}-{REGION}"

STEERING_PREFIX = "LAMBDA_TUNER_LOCAL_"
"""How variables begin with which a test asks for something to go wrong; functions do not see them."""


def state_machine_arn(name: str) -> str:
    """Name a state machine of the stack by its role: ``tune``, ``restore`` or ``nightly``."""
    return f"arn:aws:states:{REGION}:{ACCOUNT_ID}:stateMachine:{STACK}-{name}"


def is_own_function(name: str) -> bool:
    """Tell the stack's functions, which run at full speed, from those that are measured."""
    return name.startswith(f"{STACK}-") and not name.startswith(CLONE_PREFIX)


def core_count() -> float:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return float(len(os.sched_getaffinity(0)))
    return float(os.cpu_count() or 1)


def memory_cap_mb(cores: float | None = None) -> int:
    """Give the largest memory size whose CPU share this machine can grant.

    Example:
        >>> memory_cap_mb(2), memory_cap_mb(64)
        (3538, 10240)
    """
    return min(MAX_MEMORY_MB, int((core_count() if cores is None else cores) * ONE_VCPU_MB))
