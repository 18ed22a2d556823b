"""The commands' side of control.sock: find a running gateway and ask it."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from typing import TYPE_CHECKING, Any

from frontdesk.control.places import Places, places_for, run_base
from frontdesk.errors import FrontdeskError

if TYPE_CHECKING:
    from pathlib import Path

CONNECT_WITHIN = 5.0
"""Seconds to go on trying: control may be being restarted."""
REPORT_WITHIN = 15.0
"""Seconds for what control only has to tell; it waits up to 10 s for a worker."""


class NotRunningError(FrontdeskError):
    """No gateway answers; the message says where it was looked for and what to do."""


def find(file: Path | None, run_dir: Path | None) -> Places:
    """The gateway that is meant: by run dir, by configuration, or the only one that runs.

    Raises:
        NotRunningError: none or several run, and nothing tells which is meant.
    """
    if run_dir is not None:
        return Places(run_dir, run_dir)
    if file is not None:
        return places_for(file)
    base = run_base()
    running = [Places(s.parent, s.parent) for s in sorted(base.glob("*/control.sock")) if _alive(s)]
    if len(running) == 1:
        return running[0]
    if not running:
        raise NotRunningError(
            f"no gateway of this user runs (looked in {base}); name its configuration or --run-dir"
        )
    names = ", ".join(str(places.run) for places in running)
    raise NotRunningError(f"several gateways run ({names}); name a configuration or --run-dir")


def ask(places: Places, operation: str, *, within: float = 180.0) -> dict[str, Any]:
    """Ask control; waits for a control that is being restarted, and for the answer.

    Raises:
        NotRunningError: nobody listens there, or control went away before it had answered.
    """
    deadline = time.monotonic() + CONNECT_WITHIN
    while True:
        sock = _connect(places.control_socket)
        if sock is not None:
            break
        if not _held(places) or time.monotonic() > deadline:
            raise NotRunningError(f"no gateway answers at {places.control_socket}")
        time.sleep(0.05)
    with sock:
        sock.settimeout(within)
        try:
            sock.sendall(json.dumps({"op": operation}).encode() + b"\n")
            with sock.makefile("rb") as answers:
                answer: dict[str, Any] = json.loads(answers.readline() or b"{}")
        except OSError as error:
            raise NotRunningError(
                f"control does not answer ({error}); traffic is not concerned. A control that hangs can "
                "be ended with `kill -9`: it is started anew"
            ) from error
    if not answer or "error" in answer:
        raise NotRunningError(f"control ended before it answered: {answer.get('error', '')}")
    return answer


def _connect(path: Path) -> socket.socket | None:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.connect(str(path))
    except OSError:
        sock.close()
        return None
    return sock


def _alive(path: Path) -> bool:
    sock = _connect(path)
    if sock is not None:
        sock.close()
    return sock is not None


def _held(places: Places) -> bool:
    """Whether a supervisor with this run dir lives, so that waiting for its control makes sense."""
    with contextlib.suppress(OSError, ValueError):
        pid = int(places.lock.read_text())
        return places.lock.parent.joinpath("/proc", str(pid)).exists()
    return False
