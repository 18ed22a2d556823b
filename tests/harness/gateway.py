"""A real gateway: `frontdesk run` on a configuration in a folder of its own."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import yaml

from tests.harness.ports import free_port
from tests.harness.raw import Response, request
from tests.harness.waiting import eventually

# Another installation can be tested by naming its command.
FRONTDESK = Path(os.environ.get("FRONTDESK_COMMAND") or Path(sys.executable).with_name("frontdesk"))


class Gateway:
    """Starts the gateway, waits until it is ready, stops it and checks that nothing is left.

    Args:
        config: a mapping, to which a listener `web`, the status address and an access log file are added
            where missing, or the text of a file in which `@PORT@`, `@STATUS_PORT@` and `@LOG@` are replaced.
        workers, threads: written to `process` of a mapping.
        env: additional environment variables.
        args: additional arguments of `frontdesk run`.
        watch: false to reload only when asked to.
        wait_ready: false to return at once after the start.
        folder: keep configuration and state there instead of in a new temporary folder.
    """

    def __init__(
        self,
        config: Mapping[str, Any] | str,
        *,
        workers: int = 1,
        threads: int = 1,
        env: Mapping[str, str] | None = None,
        args: tuple[str, ...] = (),
        wait_ready: bool = True,
        watch: bool = True,
        folder: Path | None = None,
        preexec: Any = None,
    ) -> None:
        self._own_folder = folder is None
        self.folder = folder or Path(tempfile.mkdtemp(prefix="frontdesk-test-"))
        self.folder.mkdir(parents=True, exist_ok=True)
        self.file = self.folder / "gateway.yaml"
        self.access_log = self.folder / "access.log"
        self.run_dir = self.folder / "run"
        self.state_dir = self.folder / "state"
        self.port = free_port()
        self.status_port = free_port()
        self.workers, self.threads = workers, threads
        self._env = {**os.environ, **(env or {})}
        self._args = (*args, "--watch" if watch else "--no-watch")
        self._wait_ready, self._preexec = wait_ready, preexec
        self._stderr_file = self.folder / "stderr.log"
        self._stdout_file = self.folder / "stdout.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._family: dict[int, psutil.Process] = {}
        self.write(config)

    # -- configuration ---------------------------------------------------------------------------

    def render(self, config: Mapping[str, Any] | str) -> str:
        """The text of the file for a configuration."""
        if isinstance(config, str):
            text = config.replace("@PORT@", str(self.port))
            text = text.replace("@STATUS_PORT@", str(self.status_port))
            return text.replace("@LOG@", str(self.access_log))
        full: dict[str, Any] = json.loads(json.dumps(config))
        full.setdefault("version", 1)
        full.setdefault("listeners", {"web": {}})
        if "web" in full["listeners"]:
            full["listeners"]["web"].setdefault("address", f"127.0.0.1:{self.port}")
        observe = full.setdefault("observe", {})
        observe.setdefault("metrics", {"address": f"127.0.0.1:{self.status_port}"})
        observe.setdefault("access_log", {}).setdefault("to", str(self.access_log))
        process = full.setdefault("process", {})
        process.setdefault("workers", self.workers)
        process.setdefault("threads", self.threads)
        return yaml.safe_dump(full, sort_keys=False)

    def write(self, config: Mapping[str, Any] | str) -> None:
        """Replace the file as an editor does: write beside it, then rename."""
        beside = self.file.with_suffix(".new")
        beside.write_text(self.render(config))
        beside.replace(self.file)

    # -- life ------------------------------------------------------------------------------------

    def __enter__(self) -> Gateway:
        self.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            self.stop()
        finally:
            if kind is not None:
                print(f"--- stderr of the gateway ---\n{self.stderr}", file=sys.stderr)
            if self._own_folder:
                shutil.rmtree(self.folder, ignore_errors=True)

    def command(self) -> list[str]:
        """The command line that starts it."""
        places = ["--run-dir", str(self.run_dir), "--state-dir", str(self.state_dir)]
        return [str(FRONTDESK), "run", str(self.file), *places, *self._args]

    def start(self) -> None:
        """Start and, unless told otherwise, wait for /readyz."""
        with self._stderr_file.open("ab") as err, self._stdout_file.open("ab") as out:
            self._process = subprocess.Popen(
                self.command(),
                stderr=err,
                stdout=out,
                stdin=subprocess.DEVNULL,
                env=self._env,
                cwd=self.folder,
                preexec_fn=self._preexec,
            )
        if self._wait_ready:
            self.wait_ready()

    def wait_ready(self, within: float = 30.0) -> None:
        """Wait for /readyz to say 200; a gateway that has exited fails at once with its stderr."""

        def probe() -> bool:
            assert self.running, f"the gateway exited: {self.returncode}\n{self.stderr}"
            return self.status("/readyz") == 200

        eventually(probe, within=within, what="ready")

    @property
    def pid(self) -> int:
        """Pid of the supervisor."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the supervisor lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def returncode(self) -> int | None:
        """Exit code of the supervisor, None while it runs."""
        return self._process.poll() if self._process else None

    def kill(self, number: int) -> None:
        """Send a signal to the supervisor."""
        os.kill(self.pid, number)

    def processes(self) -> list[psutil.Process]:
        """The supervisor's living descendants."""
        try:
            children = psutil.Process(self.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            children = []
        self._family.update({child.pid: child for child in children})
        return children

    def _by_module(self, module: str) -> list[int]:
        found = []
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                if module in process.cmdline():
                    found.append(process.pid)
        return sorted(found)

    def worker_pids(self) -> list[int]:
        """Pids of the workers."""
        return self._by_module("frontdesk.control.worker")

    def control_pid(self) -> int:
        """Pid of control; waits for it where it is just being started."""
        return eventually(lambda: self._by_module("frontdesk.control.main"), what="control")[0]

    def wait(self, within: float = 60.0) -> int:
        """Wait for the end; the exit code."""
        assert self._process is not None
        return self._process.wait(within)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Stop it, wait, and assert that none of its processes is left."""
        if self._process is None:
            return 0
        if self.running:
            self.processes()
            self.kill(number)
        try:
            code = self.wait()
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        self.assert_nothing_left()
        return code

    def assert_nothing_left(self) -> None:
        """Fail when a process of this gateway still lives."""
        _, alive = psutil.wait_procs(list(self._family.values()), timeout=5)
        left = [p for p in alive if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
        for process in left:
            process.kill()
        assert not left, f"processes left behind: {left}"

    # -- looking at it ---------------------------------------------------------------------------

    @property
    def stderr(self) -> str:
        """What all processes wrote to stderr so far."""
        return self._stderr_file.read_text(errors="replace") if self._stderr_file.exists() else ""

    @property
    def stdout(self) -> str:
        """What all processes wrote to stdout so far."""
        return self._stdout_file.read_text(errors="replace") if self._stdout_file.exists() else ""

    def get(self, target: str = "/", **options: Any) -> Response:
        """One request through the listener `web`."""
        return request(self.port, target, **options)

    def status_response(self, path: str) -> Response:
        """One request to the status listener."""
        return request(self.status_port, path, host=f"127.0.0.1:{self.status_port}")

    def status(self, path: str) -> int:
        """Status code of the status listener for a path, 0 when it does not answer."""
        try:
            return self.status_response(path).status
        except OSError:
            return 0

    def metrics(self) -> dict[str, float]:
        """Every sample of /metrics by its full name with labels, as printed."""
        text = self.status_response("/metrics").body.decode()
        lines = [line for line in text.splitlines() if line and not line.startswith("#")]
        return {name: float(value) for name, _, value in (ln.rpartition(" ") for ln in lines)}

    def metric(self, name: str, **labels: str) -> float:
        """Sum of the samples of a metric that carry at least these labels."""
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        return sum(
            value
            for sample, value in self.metrics().items()
            if sample.partition("{")[0] == name and all(label in sample for label in wanted)
        )

    def log_lines(self, at_least: int = 0, within: float = 10.0) -> list[dict[str, Any]]:
        """Access records (JSON lines); waits until there are at least so many."""

        def read() -> list[str]:
            return self.access_log.read_text().splitlines() if self.access_log.exists() else []

        if at_least:
            eventually(lambda: len(read()) >= at_least, within=within, what="access records")
        return [json.loads(line) for line in read()]

    # -- reloading -------------------------------------------------------------------------------

    def cli(self, *args: str, timeout: float = 30.0) -> subprocess.CompletedProcess[str]:
        """Run another command of frontdesk with this gateway's run dir where it takes one."""
        return subprocess.run(
            [str(FRONTDESK), *args],
            capture_output=True,
            text=True,
            timeout=timeout,
            env=self._env,
            cwd=self.folder,
            check=False,
        )

    def reload(
        self, config: Mapping[str, Any] | str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Write a configuration (if given) and run `frontdesk reload`; the caller judges the code."""
        if config is not None:
            self.write(config)
        return self.cli("reload", "--run-dir", str(self.run_dir))

    def status_json(self) -> dict[str, Any]:
        """What `frontdesk status -o json` prints."""
        done = self.cli("status", "--run-dir", str(self.run_dir), "-o", "json")
        assert done.returncode == 0, done.stderr
        result: dict[str, Any] = json.loads(done.stdout)
        return result

    def settle(self, seconds: float = 0.3) -> None:
        """Let file watching and the like happen where nothing can be waited for."""
        time.sleep(seconds)
