"""Which earlier measurements are of the same thing: the key of a function's study.

Everything that durations depend on, except the memory size and the
architecture that the function has today, which are what is tuned. When any of
it changes, so does the key, and the next run begins a study of its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

_DECIDING = (
    "CodeSha256",
    "Runtime",
    "RuntimeVersionConfig",
    "Handler",
    "Timeout",
    "EphemeralStorage",
    "Environment",
    "Layers",
    "VpcConfig",
    "FileSystemConfigs",
    "ImageConfigResponse",
    "SnapStart",
    "TracingConfig",
    "LoggingConfig",
    "PackageType",
)
"""Of ``GetFunctionConfiguration``'s answer."""


def study_key(
    configuration: Mapping[str, Any], payloads: Sequence[Any], *, measured_on: str, besides: Mapping[str, Any]
) -> str:
    """Hash what a run measures, 16 hexadecimal digits.

    Environment variables are part of it and cannot be read back from it.

    Args:
        configuration: ``GetFunctionConfiguration``'s answer, of the version that is measured.
        payloads: The events with their weights, JSON-safe.
        measured_on: ``"aws"``, or a name of the machine that measures.
        besides: What else decides, JSON-safe: the function with its qualifier, who prepares its events.

    Example:
        >>> key = study_key({"CodeSha256": "a"}, [], measured_on="aws", besides={})
        >>> key == study_key({"CodeSha256": "a", "MemorySize": 512}, [], measured_on="aws", besides={})
        True
        >>> key == study_key({"CodeSha256": "b"}, [], measured_on="aws", besides={})
        False
    """
    deciding = {name: configuration.get(name) for name in _DECIDING}
    text = json.dumps([deciding, list(payloads), measured_on, dict(besides)], sort_keys=True, default=str)
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
