"""What a peer is: a program that can be found, configured and started."""

from __future__ import annotations

import atexit
import shutil
import subprocess
import tempfile
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from harness.cores import GATEWAY_CORE
from harness.process import Launch

if TYPE_CHECKING:
    from harness.work import Work

ROOT = Path(__file__).resolve().parents[3]
WHEELS = ROOT / ".build" / "bench-venv"

# Connections to the upstream that every peer may keep open, above any load that is applied.
POOL = 512


@cache
def certificate() -> tuple[Path, Path]:
    """A self-signed certificate (ECDSA P-256) for 127.0.0.1 and its key, made once in a run."""
    folder = Path(tempfile.mkdtemp(prefix="frontdesk-bench-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    chain, key = folder / "site.pem", folder / "site.key"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    names = ["-subj", "/CN=bench", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    files = ["-nodes", "-keyout", str(key), "-out", str(chain)]
    subprocess.run([*command, *names, *files], check=True, capture_output=True)
    return chain, key


@dataclass(frozen=True)
class Setting:
    """Where a peer listens and writes its files, and the work it gets."""

    work: Work
    port: int
    folder: Path


class Peer(ABC):
    """A gateway that takes part. Subclasses write its configuration."""

    name: ClassVar[str]
    install: ClassVar[str]
    version_flags: ClassVar[tuple[str, ...]] = ("--version",)
    # The largest number of routes with which the peer starts and answers in reasonable time.
    most_routes: ClassVar[int] = 100_000

    def find(self) -> str | None:
        """The path of the program, or None when it is not installed."""
        return shutil.which(self.program(), path=self.search_path())

    def program(self) -> str:
        """The program's file name."""
        return self.name

    def search_path(self) -> str | None:
        """Where to look, None for PATH; daemons of Debian live in sbin."""
        return None

    @abstractmethod
    def command(self, program: str, setting: Setting) -> list[str]:
        """Writes the configuration into the folder; gives the command that runs it in front."""

    def environment(self, setting: Setting) -> dict[str, str]:  # noqa: ARG002
        """Variables to add to the environment."""
        return {}

    def launch(self, setting: Setting) -> Launch:
        """How to start the peer, bound to the gateway's core."""
        program = self.find()
        if program is None:
            raise FileNotFoundError(f"{self.name}: not installed; {self.install}")
        return Launch(
            name=self.name,
            command=self.command(program, setting),
            port=setting.port,
            core=GATEWAY_CORE,
            folder=setting.folder,
            probe=setting.work.paths()[-1],
            secure=setting.work.is_secure,
            environment=self.environment(setting),
        )
