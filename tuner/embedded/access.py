"""Who may ask what of the embedded AWS: one key for the user, one for functions, both drawn at each start.

The access key's id is what opens the account, so it is random and long. The
signature is not computed again: nobody but root can listen on loopback, and
whoever can read the id of a process could read its secret as well.

Functions may use the account as a program uses AWS, but not have it run or
change anything in their stead: the stack's own functions are not kept from
this machine, so whoever could change one would be the user.
"""

from __future__ import annotations

import io
import json
import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Any, Literal
from urllib.parse import parse_qs, unquote

from tuner.core.run.plan import CLONE_PREFIX
from tuner.embedded.identity import ARTIFACT_BUCKET, CODE_BUCKET, STACK

Caller = Literal["user", "function"]


@dataclass(frozen=True, slots=True)
class AccessKey:
    """What AWS's clients take as credentials."""

    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)


def new_access_key() -> AccessKey:
    """Draw a key that nobody can guess; its id looks like none of AWS's."""
    return AccessKey(f"LOCAL{secrets.token_hex(16).upper()}", secrets.token_hex(20))


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a call is not answered."""

    code: str
    message: str


_CREDENTIAL = re.compile(r"[^/\s,]+(?=/\d{8}/[^/]*/[^/]+/aws4_request$)")


def key_id_of(environ: dict[str, Any]) -> str | None:
    """Read the access key id that a call is signed with, in its header or in a presigned address."""
    scheme, _, rest = str(environ.get("HTTP_AUTHORIZATION", "")).partition(" ")
    if scheme:
        name, _, credential = rest.split(",")[0].strip().partition("=")
        found = _CREDENTIAL.match(credential) if name == "Credential" else None
        return found[0] if found else None
    query = parse_qs(str(environ.get("QUERY_STRING", "")))
    credential = query.get("X-Amz-Credential", [""])[0]
    found = _CREDENTIAL.match(credential)
    return found[0] if found else query.get("AWSAccessKeyId", [None])[0]


class Gate:
    """Tells callers by their keys, and what they may ask.

    *functions* is the key in functions' environment; *is_issued* tells whether the account itself gave a key away, as
    STS does for an assumed role.
    """

    def __init__(self, user: AccessKey, functions: AccessKey, is_issued: Callable[[str], bool]) -> None:
        self._user = user.access_key_id.encode()
        self._functions = functions.access_key_id.encode()
        self._is_issued = is_issued

    def caller(self, environ: dict[str, Any]) -> Caller | None:
        """Tell whose call it is; ``None``: nobody's who may call."""
        key_id = key_id_of(environ)
        if key_id is None:
            return None
        if compare_digest(key_id.encode(), self._user):
            return "user"
        if compare_digest(key_id.encode(), self._functions) or self._is_issued(key_id):
            return "function"
        return None


UNKNOWN_CALLER = Refusal(
    "UnrecognizedClientException",
    "The security token included in the request is invalid: the embedded AWS has a key of its own at each start, "
    "which `lambda-tuner local start` prints.",
)

_CONTROL = frozenset(
    {
        "awslambda",
        "batch",
        "cloudformation",
        "events",
        "iam",
        "moto_api._internal",
        "pipes",
        "scheduler",
        "stepfunctions",
    }
)
"""moto's modules of the services that run or change something in the account for whoever asks."""

_USES = frozenset(
    {"PutEvents", "TestEventPattern", "StartExecution", "StartSyncExecution", "StopExecution"}
    | {"SendTaskSuccess", "SendTaskFailure", "SendTaskHeartbeat"}
)
_READS = ("Get", "List", "Describe")
_INVOCATION = re.compile(r"/functions/[^/]+/(invocations|invoke-async/?|response-streaming-invocations)$")
_OURS = re.compile(rf":(?!{CLONE_PREFIX}){STACK}-")
_OUR_FUNCTION = re.compile(rf"/functions/(?:[^/]*:)?(?!{CLONE_PREFIX}){STACK}-")
_OF_A_BUCKET = frozenset({"inventory", "logging", "notification", "replication"})
"""Settings of a bucket that make S3 write or call elsewhere."""


def refusal_of_function(environ: dict[str, Any], service: str) -> Refusal | None:
    """Say why a function may not make a call; ``None``: it may.

    *service* is moto's module that would answer; the request's body can be read again afterwards.
    """
    if service == "s3":
        allowed = _is_on_foreign_bucket(environ)
    else:
        body = _body(environ)
        allowed = not any(_OURS.search(text) for text in _readings(body))
        if allowed and service in _CONTROL:
            allowed = _is_reading_or_using(environ, service, body)
    if allowed:
        return None
    return Refusal(
        "AccessDeniedException",
        "A function on the embedded AWS may read, write and invoke what is in the account, but not change functions, "
        "rules, machines or stacks, nor touch what belongs to Lambda Tuner: do that with the key that "
        "`lambda-tuner local start` prints.",
    )


def _is_on_foreign_bucket(environ: dict[str, Any]) -> bool:
    addressed = [str(environ.get(name, "")) for name in ("PATH_INFO", "HTTP_HOST", "HTTP_X_AMZ_COPY_SOURCE")]
    if any(
        bucket in text for each in addressed for text in _decodings(each) for bucket in (ARTIFACT_BUCKET, CODE_BUCKET)
    ):
        return False
    settings = parse_qs(str(environ.get("QUERY_STRING", "")), keep_blank_values=True)
    return environ.get("REQUEST_METHOD") != "PUT" or not _OF_A_BUCKET & settings.keys()


def _is_reading_or_using(environ: dict[str, Any], service: str, body: bytes) -> bool:
    path, method = str(environ.get("PATH_INFO", "")), environ.get("REQUEST_METHOD")
    if service in ("awslambda", "scheduler", "pipes", "batch", "moto_api._internal"):
        if method == "POST" and service == "awslambda" and _INVOCATION.search(path):
            return not any(_OUR_FUNCTION.search(text) for text in _decodings(path))
        return method in ("GET", "HEAD") and service != "moto_api._internal"
    named = {str(environ.get("HTTP_X_AMZ_TARGET", "")).rpartition(".")[2]}
    for form in (str(environ.get("QUERY_STRING", "")), body.decode(errors="replace")):
        named |= set(parse_qs(form).get("Action", ()))
    named.discard("")
    if "PutEvents" in named and re.search(r'"Source"\s*:\s*"aws\.', next(_readings(body))):
        return False  # AWS keeps these sources to itself; our own rules follow them
    return bool(named) and all(action.startswith(_READS) or action in _USES for action in named)


def _body(environ: dict[str, Any]) -> bytes:
    content: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(content)
    return content


def _readings(body: bytes) -> Iterator[str]:
    """Give a body as the service will read it: JSON without escapes, a form decoded."""
    text = body.decode(errors="replace")
    try:
        yield json.dumps(json.loads(text), ensure_ascii=False)
    except (ValueError, RecursionError):
        yield from _decodings(text)


def _decodings(text: str) -> Iterator[str]:
    for _ in range(3):
        yield text
        text = unquote(text)
