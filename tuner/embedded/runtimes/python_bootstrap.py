"""A Lambda runtime client of the standard library alone, for any Python from 3.9 on.

Run by its path, under an interpreter that is the user's and has nothing of
ours: ``python python_bootstrap.py app.handler`` with ``AWS_LAMBDA_RUNTIME_API`` set, and
its current folder the task root. It behaves as AWS's awslambdaric does:
same log lines, same error payloads, same context, same JSON.

This file imports nothing of this project, and must stay valid Python 3.9.
"""

from __future__ import annotations

import decimal
import importlib
import json
import logging
import os
import socket
import sys
import time
import traceback

TYPE_CHECKING = False  # importing typing would cost every cold start
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    Handler = Callable[[Any, "LambdaContext"], object]

NO_BREAK_SPACE = "\u00a0"
API = "/2018-06-01/runtime/"
UNHANDLED_AT_INIT = (
    "LAMBDA_WARNING: Unhandled exception. The most likely cause is an issue in the function code. "
    "However, in rare cases, a Lambda runtime update can cause unexpected function behavior. "
    "For functions using managed runtimes, runtime updates can be triggered by a function change, "
    "or can be applied automatically. To determine if the runtime has been updated, check the runtime version in "
    "the INIT_START log entry. If this error correlates with a change in the runtime version, you may be able to "
    "mitigate this error by temporarily rolling back to the previous runtime version. "
    "For more information, see https://docs.aws.amazon.com/lambda/latest/dg/runtimes-update.html\r"
)
STANDARD_RECORD_FIELDS = {*logging.LogRecord("", 0, "", 0, "", None, None).__dict__, "aws_request_id", "taskName"}


class Fault(Exception):
    """Something that is reported under a name of Lambda's own, such as ``Runtime.HandlerNotFound``."""

    def __init__(self, error_type: str, message: str, trace: list[str] | None = None) -> None:
        super().__init__(message)
        self.error_type = error_type
        self.message = message
        self.trace = trace


class RuntimeApi:
    """Speaks HTTP/1.1 over one kept connection, with no import heavier than a socket."""

    def __init__(self, address: str) -> None:
        host, _, port = address.partition(":")
        self._host = address
        self._connection = socket.create_connection((host, int(port)))
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._stream = self._connection.makefile("rb")

    def next_event(self) -> tuple[dict[str, str], bytes]:
        """Wait for an event; returns its headers, with lower-case names, and its bytes."""
        return self._exchange("GET", "invocation/next", b"")

    def wait_for_restore(self) -> None:
        """Wait until this process is one that was restored from a snapshot."""
        self._exchange("GET", "restore/next", b"")

    def post(self, path: str, body: bytes, headers: Sequence[str] = ()) -> None:
        """Post a response or an error."""
        self._exchange("POST", path, body, headers)

    def _exchange(
        self, method: str, path: str, body: bytes, headers: Sequence[str] = ()
    ) -> tuple[dict[str, str], bytes]:
        head = [f"{method} {API}{path} HTTP/1.1", f"Host: {self._host}", f"Content-Length: {len(body)}", *headers]
        self._connection.sendall("\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body)
        if not self._stream.readline():
            raise ConnectionError("the Runtime API is gone")
        answered: dict[str, str] = {}
        while True:
            line = self._stream.readline().decode("latin-1").rstrip("\r\n")
            if not line:
                break
            name, _, text = line.partition(":")
            answered[name.lower()] = text.strip()
        return answered, self._stream.read(int(answered.get("content-length", "0")))


class _Fields:
    """An object with the given attributes, ``None`` if the dictionary lacks them."""

    names: tuple[str, ...] = ()

    def __init__(self, fields: dict[str, Any]) -> None:
        for name in self.names:
            setattr(self, name, fields.get(name))

    def __repr__(self) -> str:
        return shown_fields(self, self.names)


def shown_fields(value: object, names: tuple[str, ...]) -> str:
    """An object as AWS's client prints it."""
    fields = ",".join(f"{name}={getattr(value, name)}" for name in names)
    return f"{type(value).__name__}([{fields}])"


class Client(_Fields):
    """The mobile client of a client context."""

    names = ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")


class ClientContext(_Fields):
    """What a mobile SDK sends along."""

    names = ("custom", "env", "client")


class CognitoIdentity(_Fields):
    """Who invoked through Cognito; nobody here."""

    names = ("cognito_identity_id", "cognito_identity_pool_id")


class LambdaContext:
    """The handler's second argument."""

    def __init__(self, headers: dict[str, str]) -> None:
        self.aws_request_id = headers["lambda-runtime-aws-request-id"]
        self.log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
        self.memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.invoked_function_arn = headers.get("lambda-runtime-invoked-function-arn")
        self.tenant_id = None
        self.client_context: Any = None
        text = headers.get("lambda-runtime-client-context")
        if text:
            try:
                fields = json.loads(text)
            except ValueError as error:
                message = f"Unable to parse Client Context JSON: {error}"
                raise Fault("Runtime.LambdaContextUnmarshalError", message) from error
            self.client_context = ClientContext(fields)
            if self.client_context.client is not None:
                self.client_context.client = Client(self.client_context.client)
        self.identity = CognitoIdentity({})
        self._deadline_ms = int(headers["lambda-runtime-deadline-ms"])

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the timeout, never negative."""
        return max(0, self._deadline_ms - int(time.time() * 1000))

    def w3c(self) -> dict[str, str]:
        """The W3C trace context; none here."""
        return {}

    def log(self, message: object) -> None:
        """Write to the log as it is."""
        sys.stdout.write(str(message))

    def __repr__(self) -> str:
        names = (
            "aws_request_id log_group_name log_stream_name function_name memory_limit_in_mb function_version "
            "invoked_function_arn client_context identity tenant_id"
        )
        return shown_fields(self, tuple(names.split()))


class RequestFilter(logging.Filter):
    """Gives every log record the id of the current request."""

    request_id = ""

    def filter(self, record: logging.LogRecord) -> bool:
        """Add ``aws_request_id``."""
        record.aws_request_id = self.request_id
        return True


class StandardOutput(logging.Handler):
    """Writes records to standard output, which the handler may have replaced meanwhile."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; the format brings the line end."""
        sys.stdout.write(self.format(record))


class JsonFormatter(logging.Formatter):
    """The JSON form of Lambda's log format ``JSON``."""

    def format(self, record: logging.LogRecord) -> str:
        """One object on one line."""
        is_plain_object = isinstance(record.msg, dict) and not record.args
        fields: dict[str, object] = {
            "timestamp": self.formatTime(record, "%Y-%m-%dT%H:%M:%SZ"),
            "level": record.levelname,
            "message": record.msg if is_plain_object else record.getMessage(),
            "logger": record.name,
        }
        if record.exc_info and record.exc_info[0]:
            fields["stackTrace"] = traceback.format_tb(record.exc_info[2])
            fields["errorType"] = record.exc_info[0].__name__
            fields["errorMessage"] = str(record.exc_info[1])
            fields["location"] = f"{record.pathname}:{record.funcName}:{record.lineno}"
        fields["requestId"] = getattr(record, "aws_request_id", None)
        for name, value in record.__dict__.items():
            if name not in STANDARD_RECORD_FIELDS and name not in fields:
                fields[name] = value
        return json.dumps(fields, ensure_ascii=False, default=str) + "\n"


def set_up_logging(is_json: bool, level: str) -> RequestFilter:
    """Give the root logger Lambda's handler; returns the filter that knows the request."""
    logging.Formatter.converter = time.gmtime
    handler = StandardOutput()
    if is_json:
        handler.setFormatter(JsonFormatter())
    else:
        line = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n"
        handler.setFormatter(logging.Formatter(line, "%Y-%m-%dT%H:%M:%S"))
    request_filter = RequestFilter()
    handler.addFilter(request_filter)
    root = logging.getLogger()
    level = {"TRACE": "DEBUG"}.get(level.upper(), level.upper())
    if level in ("DEBUG", "INFO", "WARN", "WARNING", "ERROR", "CRITICAL", "FATAL"):
        root.setLevel(level)
    root.addHandler(handler)
    return request_filter


def find_handler(name: str) -> Handler:
    """Import the module of ``module.function`` and return the function.

    Raises:
        Fault: the name, the module or the function is not usable.
    """
    module_name, dot, function_name = name.rpartition(".")
    if not dot:
        message = f"Bad handler '{name}': not enough values to unpack (expected 2, got 1)"
        raise Fault("Runtime.MalformedHandlerName", message)
    if module_name.split(".")[0] in sys.builtin_module_names:
        message = f"Cannot use built-in module {module_name} as a handler module"
        raise Fault("Runtime.BuiltInModuleConflict", message)
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        message = f"Unable to import module '{module_name}': {error}"
        raise Fault("Runtime.ImportModuleError", message) from error
    except SyntaxError as error:
        trace = [f'  File "{error.filename}" Line {error.lineno}\n    {error.text}']
        message = f"Syntax error in module '{module_name}': {error}"
        raise Fault("Runtime.UserCodeSyntaxError", message, trace) from error
    try:
        handler: Handler = getattr(module, function_name)
    except AttributeError as error:
        message = f"Handler '{function_name}' missing on module '{module_name}'"
        raise Fault("Runtime.HandlerNotFound", message) from error
    return handler


def error_payload(error: BaseException, request_id: str = "") -> dict[str, Any]:
    """The error as Lambda answers it: message, type, request and the handler's own stack."""
    if isinstance(error, Fault):
        message, error_type, trace = error.message, error.error_type, error.trace or []
    else:
        frames = list(traceback.extract_tb(error.__traceback__))
        while frames and frames[0].filename == __file__:
            del frames[0]
        plain = [(frame.filename, frame.lineno or 0, frame.name, frame.line) for frame in frames]
        message, error_type, trace = str(error), type(error).__name__, traceback.format_list(plain)
    return {"errorMessage": message, "errorType": error_type, "requestId": request_id, "stackTrace": trace}


def log_error(payload: dict[str, Any], is_json: bool) -> None:
    """Write an error into the log; as text its lines are joined by carriage returns, which keeps them one event."""
    if is_json:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        sys.stdout.write(json.dumps({"timestamp": stamp, "level": "ERROR", **payload}) + "\n")
        return
    head = "[ERROR]"
    if payload["errorType"]:
        head += " " + payload["errorType"]
    if payload["errorMessage"]:
        head += (": " if payload["errorType"] else " ") + payload["errorMessage"]
    lines = [head, "Traceback (most recent call last):"]
    for element in payload["stackTrace"]:
        for line in element.splitlines():
            text = line.lstrip(" ")
            lines.append(NO_BREAK_SPACE * (len(line) - len(text)) + text)
    sys.stdout.write("\r".join(lines) + "\n")


PLAIN_KEYS = {str, int, bool, float, type(None)}
CONTAINERS = {list, tuple, dict}


def as_json(value: object) -> str:
    """The JSON of a response, as AWS's client has it of simplejson: bytes are text, a ``Decimal`` keeps its digits.

    Raises:
        TypeError, ValueError: *value* holds something that JSON has no word for, or holds itself.
    """
    try:
        is_plain = holds_plain_values_only([value])
    except RecursionError:
        is_plain = True  # json says what is wrong
    return json.dumps(value) if is_plain else encoded(value, set())


def holds_plain_values_only(values: Any) -> bool:
    """Whether json of the standard library, which is written in C, does the same as simplejson."""
    kinds = set(map(type, values)) - PLAIN_KEYS
    if not kinds:
        return True
    if not kinds <= CONTAINERS:
        return False
    for value in values:
        kind = type(value)
        if kind is dict and not set(map(type, value)) <= PLAIN_KEYS:
            return False
        if kind in CONTAINERS and not holds_plain_values_only(value.values() if kind is dict else value):
            return False
    return True


def encoded(value: Any, around: set[int]) -> str:
    """The JSON of anything that simplejson takes; *around* are the containers that it is in."""
    if isinstance(value, bytes):
        value = str(value, "utf-8")
    if value is None or isinstance(value, (str, int, float)):
        return json.dumps(value)
    if isinstance(value, decimal.Decimal):
        return "NaN" if value.is_nan() else str(value)
    given = id(value)
    as_dictionary = getattr(value, "_asdict", None)
    if callable(as_dictionary) and not isinstance(value, type):  # named tuples, rows of SQLAlchemy
        value = as_dictionary()
        if not isinstance(value, dict):
            raise TypeError(f"_asdict() must return a dict, not {type(value).__name__}")
    if not isinstance(value, (list, tuple, dict)):
        raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")
    if given in around:
        raise ValueError("Circular reference detected")
    around.add(given)
    if isinstance(value, dict):
        text = "{" + ", ".join(f"{as_key(key)}: {encoded(each, around)}" for key, each in value.items()) + "}"
    else:
        text = "[" + ", ".join(encoded(each, around) for each in value) + "]"
    around.discard(given)
    return text


def as_key(key: object) -> str:
    """The JSON of a dictionary's key."""
    if isinstance(key, bytes):
        key = str(key, "utf-8")
    if isinstance(key, str):
        return json.dumps(key)
    if key is None or isinstance(key, (int, float)):
        return f'"{json.dumps(key)}"'
    raise TypeError(f"keys must be str, int, float, bool or None, not {type(key).__name__}")


def answer(handler: Handler, headers: dict[str, str], body: bytes) -> tuple[bytes, str]:
    """Call the handler; returns its response as bytes, and their content type."""
    context = LambdaContext(headers)
    event: object = body
    if headers.get("content-type", "application/json") == "application/json":
        try:
            event = json.loads(body)
        except ValueError as error:
            raise Fault("Runtime.UnmarshalError", f"Unable to unmarshal input: {error}") from error
    response = handler(event, context)
    if isinstance(response, bytes):
        return response, "application/unknown"
    try:
        return as_json(response).encode(), "application/json"
    except Exception as error:
        raise Fault("Runtime.MarshalError", f"Unable to marshal response: {error}") from error


def wait_in_snapshot(api: RuntimeApi, is_json: bool) -> None:
    """Stop where SnapStart takes its snapshot, and go on when restored, with the function's own hooks around it."""
    hooks = sys.modules.get("snapshot_restore_py")  # of a function that registers any
    try:
        while hooks is not None and hooks.get_before_snapshot():
            call, args, named = hooks.get_before_snapshot().pop()  # the last one registered is the first
            call(*args, **named)
    except Exception as error:  # noqa: BLE001 - as above
        fail_to_start(api, error, is_json, "init/error", "Runtime.BeforeSnapshotError")
    api.wait_for_restore()
    try:
        for call, args, named in hooks.get_after_restore() if hooks is not None else ():
            call(*args, **named)
    except Exception as error:  # noqa: BLE001 - as above
        fail_to_start(api, error, is_json, "restore/error", "Runtime.AfterRestoreError")


def fail_to_start(api: RuntimeApi, error: Exception, is_json: bool, path: str, error_type: str) -> None:
    """Log the error, post it, and end."""
    payload = error_payload(error)
    log_error(payload, is_json)
    api.post(path, json.dumps(payload).encode(), [f"Lambda-Runtime-Function-Error-Type: {error_type}"])
    sys.exit(64)


def main() -> None:
    """Import the handler, then serve events until this process is ended."""
    sys.path[0] = os.getcwd()  # noqa: PTH109 - the task root; it was this file's folder
    is_json = os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON"
    request_filter = set_up_logging(is_json, os.environ.get("AWS_LAMBDA_LOG_LEVEL", ""))
    api = RuntimeApi(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        handler = find_handler(sys.argv[1])
    except Exception as error:  # noqa: BLE001 - whatever the user's module raises is reported
        payload = error_payload(error)
        logging.warning(UNHANDLED_AT_INIT)
        log_error(payload, is_json)
        error_type = [f"Lambda-Runtime-Function-Error-Type: {payload['errorType']}"]
        api.post("init/error", json.dumps(payload).encode(), error_type)
        sys.exit(1)
    if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
        wait_in_snapshot(api, is_json)
    while True:
        headers, body = api.next_event()
        request_id = request_filter.request_id = headers["lambda-runtime-aws-request-id"]
        if "lambda-runtime-trace-id" in headers:
            os.environ["_X_AMZN_TRACE_ID"] = headers["lambda-runtime-trace-id"]
        else:
            os.environ.pop("_X_AMZN_TRACE_ID", None)
        try:
            response, content_type = answer(handler, headers, body)
        except Exception as error:  # noqa: BLE001 - whatever the handler raises is reported
            payload = error_payload(error, request_id)
            log_error(payload, is_json)
            api.post(f"invocation/{request_id}/error", json.dumps(payload).encode())
        else:
            api.post(f"invocation/{request_id}/response", response, [f"Content-Type: {content_type}"])


if __name__ == "__main__":
    main()
