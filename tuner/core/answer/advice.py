"""What to do about a function that fails, by the kind of its error."""

from __future__ import annotations

import re

from tuner.core.model import Invocation

_MODULE = re.compile(
    r"ImportModuleError|ModuleNotFoundError|No module named|ImportError|Cannot find (?:module|package)|LoadError"
    r"|cannot load such file|ClassNotFoundException|NoClassDefFoundError"
)
_SDK_MODULE = re.compile(r"No module named '(?:boto3|botocore|dateutil|jmespath|s3transfer|six|urllib3)\b")
"""What Lambda's Python has besides the standard library."""
_VARIABLE = re.compile(r"environment variable|\benv(?:ironment)? var\b|NoRegionError", re.IGNORECASE)
_VARIABLES_KEY = re.compile(r"""(?:key not found: )?["']([A-Z][A-Z0-9_]+)["']""")
_RESOURCE = re.compile(
    r"ResourceNotFoundException|NoSuchBucket|NoSuchKey|NonExistentQueue|QueueDoesNotExist|ParameterNotFound"
    r"|TableNotFound"
)
"""Codes of DynamoDB, S3, SQS and Systems Manager (their API references, "Errors")."""


def advise(failure: Invocation, *, local: bool, at_import: bool = False) -> str:
    """What to do next about a failed invocation.

    Only what is recognised is named; nothing of the function's own words is repeated. *at_import*: it failed before it
    got an event.
    """
    match failure.outcome:
        case "out_of_memory":
            return "Give it more memory, or pass a payload that takes less."
        case "timeout":
            return "Give it a longer timeout or more memory, or pass a payload that takes less time."
    error_type, message = failure.error_type or "", failure.error_message or ""
    text = f"{error_type} {message}"
    if _MODULE.search(text):
        if local and _SDK_MODULE.search(text):
            return "Lambda's Python has boto3 and its dependencies, this one does not: install boto3 there."
        if local:
            return (
                "A module is missing. Install it for the Python that runs the handler, or name another Python with "
                "--python. If the module is your own, name the folder where your code begins with --code-root."
            )
        return (
            "A module is missing: put it into the package or a layer, built for the function's architecture and "
            "runtime."
        )
    if _RESOURCE.search(text):
        if local:
            return (
                "What it asks AWS for is not there: the embedded AWS starts empty. Create it with a script: "
                "`lambda-tuner try … --setup seed.py`. Or start a lasting one with `lambda-tuner local start` and "
                "create it there."
            )
        return "What it asks AWS for is not there: create it, or correct the name in its environment or the payload."
    if _VARIABLE.search(text) or (error_type.endswith("KeyError") and _VARIABLES_KEY.fullmatch(message)):
        how = "set it with --env NAME=value" if local else "set it in the function's configuration"
        if at_import:
            return f"An environment variable is missing: {how}."
        return f"If an environment variable is missing, {how}; if a field of the event is, pass a payload that has it."
    if at_import or error_type.startswith("Runtime."):
        return "The function's own code did not start, or ended by itself: make sure that it runs before you tune it."
    return "Pass a payload that the function accepts."
