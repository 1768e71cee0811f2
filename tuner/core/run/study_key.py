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

from tuner.core.codec import to_json
from tuner.core.request.tuning_request import TuningRequest, WeightedPayload

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
    configuration: Mapping[str, Any],
    request: TuningRequest,
    payloads: Sequence[WeightedPayload],
    *,
    function_arn: str,
    measured_on: str,
) -> str:
    """Hash what a run measures, 16 hexadecimal digits.

    Environment variables are part of it and cannot be read back from it.

    Args:
        configuration: ``GetFunctionConfiguration``'s answer, of the version that is measured.
        request: Who prepares the events, what counts as an answer, and whether clones have SnapStart: what a hook
            before the snapshot prepares is in those clones alone.
        payloads: The events with their weights.
        function_arn: With the qualifier.
        measured_on: ``"aws"``, or a name of the machine that measures.

    Example:
        >>> def key(**configuration: object) -> str:
        ...     return study_key(configuration, TuningRequest("f"), [], function_arn="f", measured_on="aws")
        >>> key(CodeSha256="a") == key(CodeSha256="a", MemorySize=512)
        True
        >>> key(CodeSha256="a") == key(CodeSha256="b")
        False
    """
    deciding = {name: configuration.get(name) for name in _DECIDING}
    besides = {
        "function": function_arn,
        "preProcessorARN": request.pre_processor_arn,
        "allowedExceptions": sorted(request.allowed_exceptions),
        "observed": to_json(request.observed),
        "snapStart": request.snap_start,
    }
    text = json.dumps([deciding, to_json(payloads), measured_on, besides], sort_keys=True, default=str)
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
