"""Ask a slow peer over HTTP and work a little on the answer, as an API behind an API does.

The peer is a server of our own on the loopback interface, started with the
execution environment, so that the example needs no network.
"""

import http.client
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DEFAULT_CALL_COUNT = 2
DEFAULT_LATENCY_MS = 60


class SlowPeer(BaseHTTPRequestHandler):
    """Answers ``GET /<latency ms>`` after that many milliseconds."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else head and body of an answer wait 40 ms for each other

    def do_GET(self) -> None:
        """Wait as long as the path says, then answer with rows to sort."""
        time.sleep(int(self.path.strip("/")) / 1000)
        content = json.dumps([{"id": number, "score": number * 37 % 101} for number in range(6000)]).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        """Keep the function's log free of the peer's access lines."""


PEER = ThreadingHTTPServer(("127.0.0.1", 0), SlowPeer)
PEER.daemon_threads = True
threading.Thread(target=PEER.serve_forever, daemon=True).start()


def whole_number(event: dict[str, Any], field: str, default: int, least: int, largest: int) -> int:
    value = event.get(field, default)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= largest:
        raise ValueError(f"'{field}' must be a whole number from {least} to {largest}, not {value!r}")
    return value


def handler(event: Any, context: Any) -> dict[str, Any]:
    if not isinstance(event, dict):
        raise ValueError(f"the event must be an object with 'calls' and 'latencyMs', not {type(event).__name__}")
    call_count = whole_number(event, "calls", DEFAULT_CALL_COUNT, 1, 50)
    latency_ms = whole_number(event, "latencyMs", DEFAULT_LATENCY_MS, 0, 2000)
    rows: list[dict[str, int]] = []
    connection = http.client.HTTPConnection("127.0.0.1", PEER.server_port, timeout=10)
    try:
        for _ in range(call_count):
            connection.request("GET", f"/{latency_ms}")
            rows += json.loads(connection.getresponse().read())
    finally:
        connection.close()
    best = sorted(rows, key=lambda row: (-row["score"], row["id"]))[:10]
    return {"rows": len(rows), "best": best}
