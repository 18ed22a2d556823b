"""Types of the native module. Only `frontdesk.engine` imports it."""

class EngineRefused(ValueError):
    """The engine refuses a snapshot; nothing changed. The message says what and why."""

class CheckFailed(ValueError):
    """What was found, what was expected, what to write instead."""

SCHEMA_SHAPE: str
"""The names of all snapshot fields as the engine knows them, one `Model.field` a line."""

SCHEMA_HASH: str
"""The schema of the snapshots that this engine takes."""

ERROR_CODES: list[str]
LOG_FIELDS: list[str]
METRICS: list[tuple[str, str, str]]
POLICIES: list[str]

def check_path_pattern(pattern: str) -> tuple[str, str, list[str]]:
    """Judge a path pattern: (kind, canonical pattern, variable names)."""

def check_path_regex(pattern: str) -> list[str]:
    """Judge a path regex; its named groups."""

def check_host_pattern(host: str) -> str:
    """Judge a host rule (`example.com`, `*.example.com`, an IP literal); its lower-case form."""

def check_header_name(name: str) -> str:
    """Judge a field name; its lower-case form."""

def check_header_value(value: str) -> None: ...
def check_method(method: str) -> None: ...
def check_cidr(text: str) -> str:
    """Judge an address or network; its canonical form."""

def check_chain(pem: str) -> tuple[list[str], int, int]:
    """Judge a certificate chain: (names, start and end of its validity in Unix seconds)."""

def check_key_pair(chain: str, key: str) -> None:
    """Judge whether a private key belongs to a chain; never repeats any of it."""

def check_roots(pem: str) -> int:
    """Judge a file of authorities to trust; how many there are."""

def check_template(template: str, variables: list[str], kind: str) -> None:
    """Judge a `{name}` template; kind is "path" or "location"."""

def check_path(path: str) -> str:
    """Judge a literal path; its canonical form."""

def check_routes(snapshot: bytes) -> list[tuple[str, str]]:
    """Pairs of route names whose rules are equal (nobody could say which wins)."""

def roundtrip(snapshot: bytes) -> bytes:
    """Decode into the engine's types and encode again, as canonical JSON."""

def explain(
    snapshot: bytes, method: str, url: str, headers: list[tuple[str, str]], client: str
) -> bytes:
    """What the router does with a request, as JSON."""

class Engine:
    """The data plane of one worker process."""

    def __init__(self, threads: int) -> None: ...
    def apply(
        self, snapshot: bytes, secrets: dict[str, str], listeners: dict[str, list[int]]
    ) -> str:
        """Build and switch; returns the snapshot's hash.

        `listeners` maps a listener name to the descriptors of its bound sockets, one per thread; only
        names that are new need be there, the engine duplicates and keeps what it was given. Listeners absent
        from the snapshot are closed. The first successful apply calls listen(2).

        Raises:
            EngineRefused: nothing changed.
        """
    def run(self) -> None:
        """Serve until `drain` has finished or `stop` is called. Releases the GIL."""
    def drain(self, timeout_ms: int) -> None:
        """Stop accepting, finish what is in flight, then let `run` return."""
    def stop(self) -> None:
        """Let `run` return now."""
    def reopen_logs(self) -> None: ...
    def stats(self) -> bytes:
        """JSON: totals and per-route numbers for `status` and `top`."""
    def metrics(self) -> str:
        """This worker's metrics in the Prometheus text format."""
