"""A small ASGI application without a framework, to try the gateway with granian and uvicorn."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

_released = asyncio.Event()
_departed: list[str] = []


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Dispatch on the path below the root path."""
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
        return
    path = scope["path"].removeprefix(scope.get("root_path", "")) or "/"
    if scope["type"] == "websocket":
        await _talk(scope, receive, send)
    elif path == "/events":
        await _events(send)
    elif path == "/release":
        _released.set()
        await _answer(send, {"released": True})
    elif path == "/wait":
        await _wait(scope, receive)
    elif path == "/departed":
        await _answer(send, {"departed": len(_departed)})
    elif path == "/mirror-image":
        await _mirror_image(receive, send)
    else:
        await _answer(send, _seen(scope))


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        event = (await receive())["type"]
        await send({"type": f"{event}.complete"})
        if event == "lifespan.shutdown":
            return


def _seen(scope: Scope) -> dict[str, Any]:
    """What a framework would make URLs and log lines of."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    return {
        "client": scope["client"][0],
        "scheme": scope["scheme"],
        "root_path": scope.get("root_path", ""),
        "path": scope["path"],
        "headers": headers,
    }


async def _answer(send: Send, value: dict[str, Any]) -> None:
    body = json.dumps(value, indent=2).encode() + b"\n"
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _events(send: Send) -> None:
    """Server-sent events: one at once, the second when somebody has asked for `/release`."""
    headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"data: one\n\n", "more_body": True})
    await _released.wait()
    _released.clear()
    await send({"type": "http.response.body", "body": b"data: two\n\n"})


async def _wait(scope: Scope, receive: Receive) -> None:
    """Answer nothing; remember the client that has left."""
    while (await receive())["type"] != "http.disconnect":
        pass
    _departed.append(scope["client"][0])


async def _mirror_image(receive: Receive, send: Send) -> None:
    """Send each part of the request body back as soon as it is there."""
    headers = [(b"content-type", b"application/octet-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    more = True
    while more:
        event = await receive()
        more = event["type"] == "http.request" and event.get("more_body", False)
        part = {"type": "http.response.body", "body": event.get("body", b""), "more_body": more}
        await send(part)


async def _talk(scope: Scope, receive: Receive, send: Send) -> None:
    """A WebSocket that says its client's address, then echoes text until the client leaves."""
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": f"hello {scope['client'][0]}"})
    while (event := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": event.get("text") or ""})
