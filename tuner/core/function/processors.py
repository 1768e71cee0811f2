"""Functions that run before and after each invocation, as AWS Lambda Power Tuning has them: which ones may be named."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from tuner.core.errors import InvalidRequest
from tuner.core.function.function_reference import parse_function_reference
from tuner.core.function.target import MAX_TIMEOUT_S, PROCESSOR_TIMEOUT_S
from tuner.core.request.tuning_request import TuningRequest


def with_processors(
    request: TuningRequest, *, allowed: Collection[str], timeout_s: int, region: str, account: str
) -> TuningRequest:
    """Write the processors of a request as ARNs, and refuse those that are not allowed.

    An input is not a permission: who starts a run could otherwise have any
    function invoked in the application's name. *allowed* are ARNs of the template's parameter ``ProcessorFunctions``;
    *timeout_s* is the function's under test.

    Raises:
        InvalidRequest: One is not allowed, or all together would take too long.
        FunctionNotFound: One is in another Region or account.
    """
    named = {"preProcessorARN": request.pre_processor_arn, "postProcessorARN": request.post_processor_arn}
    arns = {
        field: parse_function_reference(text, own_region=region, own_account=account, field=field).arn(
            region=region, account=account
        )
        for field, text in named.items()
        if text is not None
    }
    problems = [
        f"{field} names {arn}, which the template's parameter ProcessorFunctions does not list"
        for field, arn in arns.items()
        if arn not in allowed
    ]
    if problems:
        raise InvalidRequest(
            problems, hint="Deploy the application again with each ARN in ProcessorFunctions, or leave the field out."
        )
    if arns and timeout_s + len(arns) * PROCESSOR_TIMEOUT_S > MAX_TIMEOUT_S:
        raise InvalidRequest(
            [
                f"{' and '.join(arns)} may take {PROCESSOR_TIMEOUT_S} s for each invocation, and the function itself "
                f"{timeout_s} s, its timeout: together that must not pass {MAX_TIMEOUT_S} s"
            ],
            hint="Lower the timeout of the function, or of a copy of it, and tune that.",
        )
    return replace(
        request, pre_processor_arn=arns.get("preProcessorARN"), post_processor_arn=arns.get("postProcessorARN")
    )
