"""control.sock: where `frontdesk reload`, `status` and `top` ask. One JSON line each way."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

QUESTION_BYTES = 64 * 1024

Operation = Callable[[], Awaitable[dict[str, Any]]]


class Desk:
    """Answers questions of the same user."""

    def __init__(self, operations: dict[str, Operation]) -> None:
        self._operations = operations

    async def open(self, path: Path) -> None:
        """Listen, replacing the socket that a crashed control has left."""
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        # The folder is 0700 and the mask 077: nobody else reaches the socket at any moment.
        os.umask(0o077)
        await asyncio.start_unix_server(self._visitor, path=path, limit=QUESTION_BYTES)

    async def _visitor(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line = await asyncio.wait_for(reader.readline(), 5.0)
            if line:
                answer = await self._answer(line)
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        except (OSError, ValueError, TimeoutError):
            writer.transport.abort()
        finally:
            with contextlib.suppress(OSError):
                writer.close()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        question = json.loads(line)
        operation = question.get("op") if isinstance(question, dict) else None
        if operation not in self._operations:
            return {"error": f"there are {', '.join(self._operations)}"}
        return await self._operations[operation]()
