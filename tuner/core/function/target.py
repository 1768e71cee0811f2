"""The function under test as the product sees it, and what production does with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from tuner.core.aws_limits import LONGEST_FUNCTION_TIMEOUT_S
from tuner.core.model import Architecture

MAX_TIMEOUT_S = LONGEST_FUNCTION_TIMEOUT_S - 60
"""Who invokes must outlive the invocation, and then has to read and to write down what came back."""

PROCESSOR_TIMEOUT_S = 60
"""So long a processor may take: it runs before or after each invocation."""

DAYS = 28
"""Four whole weeks: every weekday counts equally often."""

HOURS_A_MONTH = 730
"""What AWS's own price examples take for a month. Source: AWS Pricing Calculator, seen 2026-11."""

ASSUMED_SIZE_TAG = "lambda-tuner:assumed-size"
"""Of functions on the embedded AWS: whether the size is a guess, as for a handler that was never deployed."""


@dataclass(frozen=True, slots=True)
class TargetFunction:
    """What a run needs to know of the function; no secrets, so that it may be stored."""

    arn: str
    name: str
    qualifier: str | None
    region: str
    account: str
    architecture: Architecture
    memory_mb: int
    timeout_s: int
    ephemeral_storage_mb: int
    code_sha256: str
    role_arn: str
    package_type: str
    runtime: str | None
    handler: str | None
    log_format: str
    reserved_concurrency: int | None = None
    last_modified: str | None = None

    @property
    def function_arn(self) -> str:
        """The ARN without version or alias."""
        return ":".join(self.arn.split(":")[:7])


@dataclass(frozen=True, slots=True)
class Traffic:
    """The function's metrics in CloudWatch over ``days``, read once: unknown traffic stays unknown.

    ``p50_ms`` and ``p95_ms`` are of production's durations (without init), at
    whatever size it had in that time; ``None`` if CloudWatch gave none.
    ``cost_usd`` is what asking cost; ``None`` if the Region's price of it
    is not known.
    """

    invocations: float
    p50_ms: float | None = None
    p95_ms: float | None = None
    days: int = DAYS
    cost_usd: float | None = None

    @property
    def monthly_invocations(self) -> float:
        """Invocations in a month of 730 hours.

        Example:
            >>> Traffic(invocations=28_000).monthly_invocations
            30416.666666666664
        """
        return self.invocations / (self.days * 24) * HOURS_A_MONTH


def read_target(
    configuration: Mapping[str, Any], *, qualifier: str | None, reserved_concurrency: int | None
) -> TargetFunction:
    """Read ``GetFunctionConfiguration``'s answer, for the version that the user named with *qualifier*, if any."""
    arn = str(configuration["FunctionArn"])
    parts = arn.split(":")
    return TargetFunction(
        arn=":".join(parts[:7]) + (f":{qualifier}" if qualifier else ""),
        name=str(configuration["FunctionName"]),
        qualifier=qualifier,
        region=parts[3],
        account=parts[4],
        architecture=cast(Architecture, (configuration.get("Architectures") or ["x86_64"])[0]),
        memory_mb=int(configuration["MemorySize"]),
        timeout_s=int(configuration["Timeout"]),
        ephemeral_storage_mb=int((configuration.get("EphemeralStorage") or {}).get("Size") or 512),
        code_sha256=str(configuration.get("CodeSha256", "")),
        role_arn=str(configuration.get("Role", "")),
        package_type=str(configuration.get("PackageType") or "Zip"),
        runtime=configuration.get("Runtime"),
        handler=configuration.get("Handler"),
        log_format=str((configuration.get("LoggingConfig") or {}).get("LogFormat") or "Text"),
        reserved_concurrency=reserved_concurrency,
        last_modified=configuration.get("LastModified"),
    )


def size_is_assumed(tags: Any) -> bool:
    """Whether the function's tags, as far as they could be read, say that its size is a guess."""
    return isinstance(tags, Mapping) and tags.get(ASSUMED_SIZE_TAG) == "true"
