"""Operational log of supervisor, control and workers: one event a line, to stderr."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

_JSON = os.environ.get("FRONTDESK_LOG") == "json"


def _moment() -> str:
    now = time.time()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}Z"


class Log:
    """Writes events of one process, as text or (`FRONTDESK_LOG=json`) as JSON lines.

    A full or closed stderr never stops the caller: the line is lost.
    """

    def __init__(self, process: str) -> None:
        self._process = process

    def info(self, message: str, **fields: Any) -> None:
        """Something happened as it should."""
        self._write("info", message, fields)

    def warning(self, message: str, **fields: Any) -> None:
        """Something is worse than it should be; the gateway goes on."""
        self._write("warning", message, fields)

    def error(self, message: str, **fields: Any) -> None:
        """Something was asked for and did not happen."""
        self._write("error", message, fields)

    def _write(self, level: str, message: str, fields: dict[str, Any]) -> None:
        moment = _moment()
        if _JSON:
            head = {"time": moment, "level": level, "process": self._process, "message": message}
            line = json.dumps({**head, **fields})
        else:
            detail = fields.pop("detail", "")
            pairs = "".join(f" {key}={_plain(value)}" for key, value in fields.items())
            line = f"{moment} {level:<7} {self._process}: {message}{pairs}"
            line += f"\n{detail}" if detail else ""
        try:
            os.write(sys.stderr.fileno(), line.encode("utf-8", "replace") + b"\n")
        except (OSError, ValueError):
            return


def _plain(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return json.dumps(text) if not text or any(c in text for c in ' "\n\t') else text
