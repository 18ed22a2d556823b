"""An example service: orders. It shows what the gateway sends along with a request.

GET /orders                     all orders, `?user=1` those of one user
GET /orders/{id}                one order
GET /orders/{id}/events         its history as server-sent events, one every half second
"""

from __future__ import annotations

import argparse
import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

ORDERS: dict[int, dict[str, Any]] = {
    1001: {"id": 1001, "user": 1, "items": ["punch-cards"], "total": "12.00"},
    1002: {"id": 1002, "user": 2, "items": ["nanosecond-wire", "moth-tape"], "total": "7.50"},
    1003: {"id": 1003, "user": 1, "items": ["engine-oil"], "total": "30.00"},
}
STEPS = ("received", "paid", "packed", "sent")
SHOWN = ("X-Forwarded-For", "X-Forwarded-Proto", "X-Request-Id", "Traceparent")


class Orders(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave in one packet

    def do_GET(self) -> None:
        """Answer a GET."""
        url = urlsplit(self.path)
        match url.path.strip("/").split("/"):
            case ["orders"]:
                wanted = parse_qs(url.query).get("user")
                found = [o for o in ORDERS.values() if not wanted or str(o["user"]) in wanted]
                self.answer(200, {"orders": found})
            case ["orders", number] if number.isdecimal() and int(number) in ORDERS:
                seen = {name: self.headers[name] for name in SHOWN if name in self.headers}
                self.answer(200, {**ORDERS[int(number)], "seen_by_the_service": seen})
            case ["orders", number, "events"] if number.isdecimal() and int(number) in ORDERS:
                self.stream(int(number))
            case _:
                self.answer(404, {"error": f"there is no {self.path}"})

    def stream(self, number: int) -> None:
        """Server-sent events, chunked; each leaves at once."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for step in STEPS:
            event = f"data: {json.dumps({'order': number, 'state': step})}\n\n".encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
            self.wfile.flush()
            time.sleep(0.5)
        self.wfile.write(b"0\r\n\r\n")

    def answer(self, status: int, body: dict[str, Any]) -> None:
        """Send JSON."""
        data = json.dumps(body, indent=2).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """The gateway writes the access log."""


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=9002)
    ThreadingHTTPServer(("127.0.0.1", parser.parse_args().port), Orders).serve_forever()
