"""What is written about requests, and the bounds of a worker."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from frontdesk.compiler.routes import compile_websocket
from frontdesk.config.models.websocket import WebSocket
from frontdesk.snapshot import model

if TYPE_CHECKING:
    from frontdesk.config.models.observe import Observe
    from frontdesk.config.models.process import Process


def compile_observe(observe: Observe, path: Path) -> model.Observe:
    """The access log; a relative file name starts at the folder of the configuration at `path`."""
    log = observe.access_log
    to = log.to
    if to not in ("off", "stdout"):
        folder = path if path.is_dir() else path.parent
        to = str(Path(folder, to).absolute())
    return model.Observe(
        access_log=model.AccessLog(
            to=to, format=log.format, fields=list(log.fields), sample_ppm=log.sample
        )
    )


def compile_process(process: Process) -> model.Process:
    """The bounds of a worker process."""
    return model.Process(
        max_connections=process.max_connections,
        drain_ms=process.drain,
        websocket=compile_websocket(WebSocket()),
    )
