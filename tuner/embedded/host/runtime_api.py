"""The Lambda Runtime API of one execution environment, on a port of 127.0.0.1 of its own.

``next``, ``response``, ``error``, ``init/error`` and, for SnapStart,
``restore/next`` and ``restore/error`` of version 2018-06-01 over HTTP/1.1 with
keep-alive (AWS Lambda Developer Guide, "Using the Lambda runtime API").
Written on plain sockets because its own time is part of every measured
duration: the thread that invokes writes the event itself, and the response is
acknowledged only when it says so, so that the worker sleeps while its CPU
clock is read.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Literal

_PREFIX = "/2018-06-01/runtime/"
_REASONS = {200: "OK", 202: "Accepted", 400: "Bad Request", 404: "Not Found", 413: "Payload Too Large"}
_ACCEPTED = b'{"status":"OK"}\n'
LARGEST_RESPONSE_BYTES = 6_291_556
"""6 MB and a bit: the limit that AWS names in its own error message."""


@dataclass(frozen=True, slots=True)
class Completion:
    """How the runtime ended an invocation."""

    kind: Literal["response", "error"]
    body: bytes
    at_s: float
    """``time.monotonic()`` when the last byte had arrived."""


@dataclass(frozen=True, slots=True)
class InitError:
    """What the runtime posted because it could not start, or not go on after a restore."""

    error_type: str
    body: bytes


class RuntimeApi:
    """Serves one worker. ``changed`` is notified whenever anything below has happened."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=8)
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.changed = threading.Condition()
        self.init_error: InitError | None = None
        self.completion: Completion | None = None
        self.restore_error: InitError | None = None
        self._parked: socket.socket | None = None
        self._snapshotted: socket.socket | None = None
        self._answered: socket.socket | None = None
        self._request_id: str | None = None
        self._connections: set[socket.socket] = set()
        self._closed = False
        self.polled_at_s = 0.0
        """``time.monotonic()`` of the latest ``next`` or ``restore/next``."""
        threading.Thread(target=self._accept, name=f"runtime-api-{self.address}", daemon=True).start()

    @property
    def is_polling(self) -> bool:
        """Whether the runtime waits for an event."""
        return self._parked is not None

    @property
    def awaits_restore(self) -> bool:
        """Whether the runtime has come to where a snapshot is taken: it waits to be told that it was restored."""
        return self._snapshotted is not None

    def tell_restored(self) -> None:
        """Answer the waiting ``restore/next``, so that the runtime runs its hooks and asks for an event.

        Raises:
            OSError: the worker went away meanwhile.
        """
        with self.changed:
            connection, self._snapshotted = self._snapshotted, None
        if connection is None:
            raise ConnectionError("the runtime does not wait to be restored")
        _send(connection, 200, b"")

    def delivery(self, request_id: str, event: bytes, headers: Mapping[str, str]) -> Callable[[], None]:
        """Prepare the answer to the waiting ``next``; calling what is returned sends it.

        The call raises :class:`OSError` if the worker went away meanwhile.
        """
        with self.changed:
            connection, self._parked = self._parked, None
            self._request_id = request_id
            self.completion = None
        message = _message(200, event, {"Lambda-Runtime-Aws-Request-Id": request_id, **headers})

        def send() -> None:
            if connection is None:
                raise ConnectionError("the runtime does not wait for an event")
            connection.sendall(message)

        return send

    def acknowledge(self) -> None:
        """Answer the ``response`` or ``error`` that :attr:`completion` holds, so that the runtime goes on."""
        with self.changed:
            connection, self._answered = self._answered, None
        if connection is not None:
            with contextlib.suppress(OSError):
                _send(connection, 202, _ACCEPTED)

    def reset(self) -> None:
        """Forget the worker that was, for another one in the same environment."""
        with self.changed:
            connections, self._connections = self._connections, set()
            self.init_error = self.completion = self._parked = self._answered = self._request_id = None
            self.restore_error = self._snapshotted = None
        _close_all(connections)

    def close(self) -> None:
        """Stop listening and end every connection."""
        with self.changed:
            self._closed = True
            connections, self._connections = self._connections, set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        _close_all(connections)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.changed:
                if self._closed:
                    connection.close()
                    return
                self._connections.add(connection)
            threading.Thread(target=self._serve, args=(connection,), name="runtime-api", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), connection.makefile("rb") as stream:
            while self._answer_one(connection, stream):
                pass
        with self.changed:
            self._connections.discard(connection)
            if self._parked is connection:
                self._parked = None
            if self._snapshotted is connection:
                self._snapshotted = None
            self.changed.notify_all()
        connection.close()

    def _answer_one(self, connection: socket.socket, stream: BinaryIO) -> bool:
        request_line = stream.readline(65537).split()
        if len(request_line) < 2:
            return False
        method, path = request_line[0].decode(), request_line[1].decode()
        headers = _read_headers(stream)
        if headers.get("expect", "").lower() == "100-continue":
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = _read_body(stream, headers)
        now_s = time.monotonic()
        route = path.removeprefix(_PREFIX) if path.startswith(_PREFIX) else ""
        if method == "GET" and route == "invocation/next":
            with self.changed:
                self._parked = connection
                self.polled_at_s = now_s
                self.changed.notify_all()
        elif method == "GET" and route == "restore/next":
            with self.changed:
                self._snapshotted = connection
                self.polled_at_s = now_s
                self.changed.notify_all()
        elif method == "POST" and route in ("init/error", "restore/error"):
            with self.changed:
                error = InitError(headers.get("lambda-runtime-function-error-type", "Runtime.Unknown"), body)
                if route == "init/error":
                    self.init_error = error
                else:
                    self.restore_error = error
                self.changed.notify_all()
            _send(connection, 202, _ACCEPTED)
        elif method == "POST" and route.startswith("invocation/"):
            _, request_id, action = (*route.split("/"), "", "")[:3]
            self._complete(connection, request_id, action, body, now_s)
        else:
            _send(connection, 404, b'{"errorMessage":"Not found","errorType":"InvalidPath"}')
        return True

    def _complete(self, connection: socket.socket, request_id: str, action: str, body: bytes, now_s: float) -> None:
        kind: Literal["response", "error"]
        if action == "response":
            kind = "response"
        elif action == "error":
            kind = "error"
        else:
            _send(connection, 404, b'{"errorMessage":"Not found","errorType":"InvalidPath"}')
            return
        with self.changed:
            is_current = request_id == self._request_id and self.completion is None
            if is_current:
                self._answered = connection
                self.completion = Completion(kind, body, now_s)
                self.changed.notify_all()
        if not is_current:
            _send(connection, 400, b'{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}')


def _close_all(connections: set[socket.socket]) -> None:
    for connection in connections:
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)


def _send(connection: socket.socket, status: int, body: bytes) -> None:
    connection.sendall(_message(status, body))


def _message(status: int, body: bytes, headers: Mapping[str, str] | None = None) -> bytes:
    head = [f"HTTP/1.1 {status} {_REASONS[status]}", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    head += [f"{name}: {text}" for name, text in (headers or {}).items()]
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body


def _read_headers(stream: BinaryIO) -> dict[str, str]:
    headers: dict[str, str] = {}
    while (line := stream.readline(2 * 1024 * 1024)) not in (b"\r\n", b"\n", b""):
        name, _, text = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = text.strip()
    return headers


def _read_body(stream: BinaryIO, headers: Mapping[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() == "chunked":
        chunks: list[bytes] = []
        while size := int(stream.readline().split(b";")[0], 16):
            chunks.append(stream.read(size))
            stream.readline()
        _read_headers(stream)
        return b"".join(chunks)
    length = int(headers.get("content-length", "0"))
    body = stream.read(length) if length else b""
    if len(body) < length:
        raise ConnectionError("the worker ended while it sent")
    return body
