"""An example service: a catalog, in asyncio.

GET /items              all items
GET /items/{id}         one item
GET /healthz            alive
"""

from __future__ import annotations

import argparse
import asyncio
import json
from typing import Any

ITEMS: dict[str, dict[str, Any]] = {
    "punch-cards": {"id": "punch-cards", "price": "12.00", "stock": 80},
    "nanosecond-wire": {"id": "nanosecond-wire", "price": "2.50", "stock": 30},
    "moth-tape": {"id": "moth-tape", "price": "5.00", "stock": 1},
    "engine-oil": {"id": "engine-oil", "price": "30.00", "stock": 0},
}


async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one request after the other until the peer closes or asks for the end."""
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            method, target, _ = head.split(" ", 2)
            body = json.dumps(found(target), indent=2).encode() + b"\n"
            status = "200 OK" if found(target) is not None else "404 Not Found"
            answer = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n"
            answer += f"Content-Length: {len(body)}\r\n\r\n"
            writer.write(answer.encode() + (b"" if method == "head" else body))
            await writer.drain()
            # Only requests without a body are understood; after any other the connection ends.
            if "connection: close" in head or "\r\ntransfer-encoding:" in head or sized(head):
                break
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError, OSError):
        pass
    finally:
        writer.close()


def found(target: str) -> Any:
    """What a target names, None for nothing."""
    match target.partition("?")[0].strip("/").split("/"):
        case ["items"]:
            return {"items": list(ITEMS.values())}
        case ["items", name]:
            return ITEMS.get(name)
        case ["healthz"]:
            return {"status": "ok"}
    return None


def sized(head: str) -> bool:
    """Whether a body follows the head."""
    return "\r\ncontent-length:" in head and "\r\ncontent-length: 0\r\n" not in head


async def main(port: int) -> None:
    """Serve for ever."""
    server = await asyncio.start_server(connection, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=9003)
    asyncio.run(main(parser.parse_args().port))
