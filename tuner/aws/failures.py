"""What AWS answers when it refuses, in the core's own errors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from tuner.core.errors import PermissionDenied, ServiceError, Throttled

_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403"}
_THROTTLED = {
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "SlowDown",
    "EC2ThrottledException",
}
# AWS writes who, what and on what, in this order, into the message of a refusal.
_WHO = re.compile(
    r"User: (?P<user>\S+) is not authorized to perform: (?P<action>\S+)(?: on resource: (?P<resource>\S+))?"
)


def error_code(error: ClientError) -> str:
    """The error's code, such as ``ResourceNotFoundException``."""
    return str(error.response.get("Error", {}).get("Code", ""))


def error_text(error: ClientError) -> str:
    """The error's sentence, as AWS wrote it."""
    return str(error.response.get("Error", {}).get("Message", "") or error)


def _retry_after_s(error: ClientError) -> float | None:
    """How long AWS asked to wait: Lambda's ``Retry-After``, as botocore names it."""
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    for given in (error.response.get("retryAfterSeconds"), headers.get("retry-after")):
        try:
            seconds = float(str(given))
        except ValueError:
            continue
        if 0 <= seconds < 3_600:
            return seconds
    return None


@contextmanager
def aws_call(action: str, resource: str) -> Iterator[None]:
    """Turn the errors of one AWS call into the core's.

    Errors that a caller wants to tell apart are caught inside the block.

    *action* is the IAM action, such as ``lambda:GetFunctionConfiguration``; *resource* is named as a user would.

    Raises:
        PermissionDenied: AWS refused; names action, resource and role.
        Throttled: AWS asked to slow down.
        ServiceError: Anything else.
    """
    try:
        yield
    except ClientError as error:
        code, text = error_code(error), error_text(error)
        if code in _DENIED:
            who = _WHO.search(text)
            role = who["user"] if who else "the caller's role"
            denied_action = who["action"] if who else action
            denied_on = (who["resource"] if who else None) or resource
            raise PermissionDenied(
                f"{role} may not call {denied_action} on {denied_on}.",
                hint="Allow this action on this resource in the role's policy; "
                "docs/permissions.md lists what each role needs.",
            ) from error
        if code in _THROTTLED:
            raise Throttled(
                f"AWS throttled {action} on {resource}: {text}", retry_after_s=_retry_after_s(error)
            ) from error
        raise ServiceError(f"{action} on {resource} failed with {code or 'an error'}: {text}") from error
    except (BotoCoreError, ResponseParserError) as error:  # the latter: a proxy's page instead of AWS's answer
        raise ServiceError(f"{action} on {resource} got no answer: {error}") from error
