"""An example service: users. Plain Python, JSON over HTTP/1.1 with keep-alive, data in memory.

GET /users              all users
GET /users/{id}         one user
POST /users             a new one from {"name": …, "email": …}
"""

from __future__ import annotations

import argparse
import itertools
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MAX_BODY = 64 * 1024

USERS: dict[int, dict[str, Any]] = {
    1: {"id": 1, "name": "Ada Lovelace", "email": "ada@example.com"},
    2: {"id": 2, "name": "Grace Hopper", "email": "grace@example.com"},
    3: {"id": 3, "name": "Radia Perlman", "email": "radia@example.com"},
}
IDS = itertools.count(4)


class Users(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave in one packet

    def do_GET(self) -> None:
        """Answer a GET."""
        parts = self.path.partition("?")[0].strip("/").split("/")
        match parts:
            case ["users"]:
                self.answer(200, {"users": list(USERS.values())})
            case ["users", number] if number.isdecimal() and int(number) in USERS:
                self.answer(200, USERS[int(number)])
            case _:
                self.answer(404, {"error": f"there is no {self.path}"})

    def do_POST(self) -> None:
        """Add a user."""
        size = int(self.headers.get("Content-Length") or 0)
        if size > MAX_BODY:
            self.close_connection = True
            self.answer(413, {"error": f"at most {MAX_BODY} bytes"})
            return
        try:
            given = json.loads(self.rfile.read(size))
            user = {"name": str(given["name"]), "email": str(given["email"])}
        except (ValueError, KeyError, TypeError):
            self.answer(400, {"error": 'expected {"name": …, "email": …}'})
            return
        number = next(IDS)
        USERS[number] = {"id": number, **user}
        self.answer(201, USERS[number])

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
    parser.add_argument("--port", type=int, default=9001)
    ThreadingHTTPServer(("127.0.0.1", parser.parse_args().port), Users).serve_forever()
