"""Traffic: what production does with the function, if CloudWatch may be asked."""

from __future__ import annotations

from datetime import datetime

from tuner.aws.traffic import TrafficReader
from tuner.core.errors import PermissionDenied, TunerError
from tuner.core.function.function_reference import FunctionReference
from tuner.core.function.target import DAYS, Traffic


def read_traffic(reader: TrafficReader, reference: FunctionReference, *, now: datetime) -> tuple[Traffic | None, str]:
    """Read the function's metrics; never a reason for a run to fail.

    Returns:
        The traffic and ``""``, or ``None`` and the clause that says why it is not known.
    """
    try:
        traffic = reader.read(reference.name, reference.qualifier, now=now)
    except PermissionDenied:
        return None, "the tuner may not read CloudWatch's metrics (cloudwatch:GetMetricData)"
    except TunerError as error:
        return None, f"CloudWatch gave no answer ({error.message.rstrip('.')})"
    if traffic is None:
        return None, f"CloudWatch has recorded no invocation of it in the last {DAYS} days"
    return traffic, ""
