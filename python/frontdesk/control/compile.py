"""Compiles a configuration in a process of its own and writes the outcome to stdout.

pydantic, YAML and the objects of a large configuration are several times the memory of all else that control
does; they live only as long as one compilation. A compiler that runs out of memory or time takes
nothing with it. The output is one line of JSON (`Outcome`) and then the snapshot's bytes.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from pathlib import Path
from typing import Any

from frontdesk.control.options import pairs
from frontdesk.control.orphan import die_with_parent


def outcome(file: Path) -> tuple[dict[str, Any], bytes]:
    """Compile a file; the header and the snapshot, which is empty when there are errors."""
    from frontdesk.compiler import compile_file
    from frontdesk.config.load import watched_files
    from frontdesk.errors import ConfigErrors
    from frontdesk.snapshot.codec import schema_hash

    header: dict[str, Any] = {"schema_hash": schema_hash()}
    header["watched"] = [str(path) for path in watched_files(file)]
    try:
        compiled = compile_file(file)
    except ConfigErrors as broken:
        errors = [error.as_dict() for error in broken.errors]
        header["watched"] += [str(path) for path in broken.files]
        return {**header, "ok": False, "errors": errors, "text": broken.render()}, b""
    header |= {
        "ok": True,
        "watched": header["watched"] + [str(path) for path in compiled.files],
        "secrets": compiled.secrets,
        "warnings": compiled.warnings,
        "places": {path: place.as_dict() for path, place in compiled.places.items()},
        "meta": {
            "hash": compiled.hash,
            "schema_hash": compiled.snapshot.schema_hash,
            "listeners": {x.name: (x.host, x.port) for x in compiled.snapshot.listeners},
            "workers": compiled.workers,
            "threads": compiled.threads,
            "status": _split(compiled.status_address),
            "drain_ms": compiled.snapshot.process.drain_ms,
            "references": sorted(compiled.secrets),
        },
    }
    return header, compiled.encoded


def _split(address: str | None) -> tuple[str, int] | None:
    """`host:port` or `[host]:port` as a pair; an empty host is every IPv4 address."""
    if address is None:
        return None
    host, _, port = address.rpartition(":")
    return host.strip("[]") or "0.0.0.0", int(port)


def main() -> int:
    """Entry point of the process."""
    given = pairs(sys.argv[1:])
    die_with_parent(int(given["--parent"]))
    # The process ends with its one task: whatever is built up is needed to the end, and collecting
    # cycles among a million objects that all live takes a seventh of the time.
    gc.disable()
    header, snapshot = outcome(Path(given["--file"]))
    sys.stdout.buffer.write(json.dumps(header).encode() + b"\n" + snapshot)
    sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    code = main()
    # Not sys.exit: freeing a million objects one by one is for processes that live on.
    os._exit(code)
