"""A small closed-loop load: threads that send one valid request after the other and count."""

from __future__ import annotations

import ssl
import threading
from collections import Counter

from tests.harness.raw import Connection


class Load:
    """Runs `clients` threads against a port until the block ends.

    Every request that does not get its complete answer with status 200 is a failure, except one: a
    kept-alive connection that the gateway closed between two requests is opened again, as any
    client does, and counted in `reopened`.
    """

    def __init__(
        self,
        port: int,
        target: str = "/",
        clients: int = 4,
        keep_alive: bool = True,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._tls = tls
        self.port, self.target, self.keep_alive = port, target, keep_alive
        self.done = 0
        self.reopened = 0
        self.failures: list[str] = []
        self.bodies: Counter[bytes] = Counter()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._client) for _ in range(clients)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the clients after their current request."""
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def _client(self) -> None:
        connection: Connection | None = None
        while not self._stop.is_set():
            fresh = connection is None
            try:
                connection = connection or Connection(self.port, tls=self._tls)
                response = connection.request("GET", self.target)
            except OSError as error:
                clean_close = not fresh and connection is not None and connection.buffer == b""
                self._failed(error, clean_close and not isinstance(error, TimeoutError))
                connection = None
                continue
            with self._lock:
                self.done += 1
                self.bodies[response.body] += 1
                if response.status != 200 or not response.complete:
                    self.failures.append(f"{response.status} {response.body[:200]!r}")
            if not self.keep_alive or response.header("connection") == "close":
                connection.close()
                connection = None
        if connection is not None:
            connection.close()

    def _failed(self, error: OSError, clean_close: bool) -> None:
        with self._lock:
            if clean_close:
                self.reopened += 1
            else:
                self.failures.append(repr(error))
