"""The two load generators: wrk for saturation, loadgen for a fixed rate."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from .cores import LOAD_CORE, pinned
from .latency import Histogram

if TYPE_CHECKING:
    from .work import Speaks

CONNECTIONS = 64

_BENCHES = Path(__file__).resolve().parents[1]
_CRATE = _BENCHES / "loadgen"

# Many paths are formatted once; each request then costs a call of Lua, one path costs none.
_MANY_PATHS = """
local requests, at = {}, 0
init = function(args)
  for line in io.lines("%s") do requests[#requests + 1] = wrk.format("GET", line) end
end
request = function()
  at = at %% #requests + 1
  return requests[at]
end
"""
_RESULT = """
done = function(summary, latency, _)
  local e = summary.errors
  io.write(string.format(
    'RESULT {"requests": %d, "microseconds": %d, "failed": %d}\\n', summary.requests,
    summary.duration, e.connect + e.read + e.write + e.status + e.timeout))
end
"""


@dataclass(frozen=True)
class Saturation:
    """What wrk saw."""

    requests: int
    seconds: float
    failed: int


def saturate(
    port: int, paths: list[str], seconds: int, folder: Path, speaks: Speaks = "http1"
) -> Saturation:
    """Sends as much as one core can over 64 connections."""
    match speaks:
        case "http1":
            return _wrk(f"http://127.0.0.1:{port}", paths, seconds, folder)
        case "tls":
            return _wrk(f"https://127.0.0.1:{port}", paths, seconds, folder)
        case "http2":
            return _h2load(port, paths[0], seconds)
        case "grpc":
            message = folder / "message.grpc"
            message.write_bytes(b"\0\0\0\0\x20" + b"x" * 32)
            fields = ["-H", "content-type: application/grpc", "-H", "te: trailers"]
            return _h2load(port, paths[0], seconds, "-d", str(message), *fields)
        case "handshakes":
            return _handshakes(port, paths[0], seconds, resume=False)
        case "resumed":
            return _handshakes(port, paths[0], seconds, resume=True)
        case "websocket":
            return _program("websocket_load", port, paths[0], seconds, CONNECTIONS)


def _handshakes(port: int, path: str, seconds: int, *, resume: bool) -> Saturation:
    return _program("handshakes", port, path, seconds, int(resume))


def _program(name: str, *arguments: object) -> Saturation:
    """One of our own generators, which prints what it saw."""
    program = [sys.executable, "-m", f"harness.{name}", *map(str, arguments)]
    found = json.loads(_run(pinned(LOAD_CORE, program), _BENCHES))
    return Saturation(found["requests"], found["seconds"], found["failed"])


def _h2load(port: int, path: str, seconds: int, *more: str) -> Saturation:
    """HTTP/2 over TLS: 64 connections with 10 requests at a time on each."""
    flags = ["-t1", f"-c{CONNECTIONS}", "-m10", f"-D{seconds}"]
    output = _run(pinned(LOAD_CORE, ["h2load", *flags, *more, f"https://127.0.0.1:{port}{path}"]))
    requests = re.search(r"requests: .* (\d+) done, (\d+) succeeded, (\d+) failed", output)
    if requests is None:
        raise RuntimeError(f"h2load says nothing of its requests:\n{output}")
    return Saturation(int(requests[2]), float(seconds), int(requests[3]))


def _wrk(origin: str, paths: list[str], seconds: int, folder: Path) -> Saturation:
    script = folder / "wrk.lua"
    script.write_text(_script(paths, folder))
    flags = ["-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "10s", "-s", str(script)]
    output = _run(pinned(LOAD_CORE, ["wrk", *flags, f"{origin}{paths[0]}"]))
    line = next(line for line in output.splitlines() if line.startswith("RESULT "))
    found = json.loads(line.removeprefix("RESULT "))
    return Saturation(found["requests"], found["microseconds"] / 1e6, found["failed"])


def _script(paths: list[str], folder: Path) -> str:
    if len(paths) == 1:
        return _RESULT
    names = folder / "wrk.paths"
    names.write_text("\n".join(paths) + "\n")
    return _MANY_PATHS % names + _RESULT


@dataclass(frozen=True)
class Timeline:
    """What loadgen saw: latencies by the window in which requests were due."""

    started_unix: float
    window_seconds: float
    due: int
    failures: dict[str, int]
    windows: list[Histogram]

    @property
    def failed(self) -> int:
        """Failed requests of all kinds."""
        return sum(self.failures.values())

    def total(self) -> Histogram:
        """All latencies."""
        return Histogram.merged(self.windows)

    def between(self, begin: float, end: float) -> Histogram:
        """Latencies of the windows that overlap the time from `begin` to `end`, in Unix time."""
        first = int((begin - self.started_unix) // self.window_seconds)
        last = int((end - self.started_unix) // self.window_seconds)
        return Histogram.merged(self.windows[max(0, first) : last + 1])

    def outside(self, begin: float, end: float) -> Histogram:
        """Latencies of the windows that do not overlap that time."""
        first = int((begin - self.started_unix) // self.window_seconds)
        last = int((end - self.started_unix) // self.window_seconds)
        return Histogram.merged(self.windows[: max(0, first)] + self.windows[last + 1 :])


@dataclass(frozen=True)
class Plan:
    """A run of loadgen: `rate` requests per second for `seconds`."""

    port: int
    paths: list[str]
    rate: int
    seconds: float
    window_seconds: float = 0.25

    def to_json(self) -> bytes:
        """The plan as loadgen reads it."""
        plan = {
            "target": f"127.0.0.1:{self.port}",
            "host": f"127.0.0.1:{self.port}",
            "paths": self.paths,
            "rate": self.rate,
            "connections": CONNECTIONS,
            "duration_ms": int(self.seconds * 1000),
            "drain_ms": 3000,
            "window_ms": int(self.window_seconds * 1000),
        }
        return json.dumps(plan).encode()


class OpenLoop:
    """A run of loadgen that goes on while the caller does something else."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            pinned(LOAD_CORE, [str(loadgen())]), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdin is not None
        self._process.stdin.write(self._plan.to_json())
        self._process.stdin.close()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def result(self) -> Timeline:
        """Waits for the end of the run."""
        assert self._process.stdout is not None
        found = json.loads(self._process.stdout.read())
        return Timeline(
            started_unix=found["started_unix_ns"] / 1e9,
            window_seconds=self._plan.window_seconds,
            due=found["due"],
            failures=found["failures"],
            windows=[Histogram.from_pairs(window["latencies"]) for window in found["windows"]],
        )


def run_open_loop(plan: Plan) -> Timeline:
    """Runs loadgen to its end."""
    with OpenLoop(plan) as run:
        return run.result()


def loadgen() -> Path:
    """The path of the built generator."""
    return _target_folder() / "release" / "loadgen"


def build_loadgen() -> None:
    """Builds the generator; cargo does nothing when it is built."""
    command = ["cargo", "build", "--release", "--quiet", "--locked"]
    environment = {**os.environ, "CARGO_TARGET_DIR": str(_target_folder())}
    subprocess.run(command, cwd=_CRATE, env=environment, check=True)


def wrk_is_missing() -> bool:
    """Whether wrk has yet to be installed."""
    return shutil.which("wrk") is None


def _target_folder() -> Path:
    return _CRATE.parents[1] / ".build" / "loadgen"


def _run(command: list[str], folder: Path | None = None) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder)
    return done.stdout
