"""Processes that die, and where certificates and keys come from then."""

from __future__ import annotations

import base64
import os
import re
import signal
from collections.abc import Callable

from tests.e2e.secure import answering_tls, shown
from tests.harness import Authority, Gateway, Issued, eventually


def test_worker_is_replaced_with_its_certificates(
    gateway_of: Callable[..., Gateway], authority: Authority, live: Issued
) -> None:
    gateway = gateway_of(answering_tls("one", live))
    os.kill(gateway.worker_pids()[0], signal.SIGKILL)
    # The socket goes on listening meanwhile, so this waits and does not fail.
    assert gateway.get("/", tls=authority.client()).body == b"one"


def test_worker_is_replaced_while_control_is_away(
    gateway_of: Callable[..., Gateway], authority: Authority, live: Issued
) -> None:
    """From the last good configuration; the certificates are read from their files again."""
    gateway = gateway_of(answering_tls("one", live))
    # It is kept a moment after the gateway is ready.
    eventually((gateway.state_dir / "last-good").exists)
    control = gateway.control_pid()
    os.kill(control, signal.SIGSTOP)
    try:
        os.kill(gateway.worker_pids()[0], signal.SIGKILL)
        assert gateway.get("/", tls=authority.client()).body == b"one"
        eventually(lambda: "serving the last good configuration" in gateway.stderr)
    finally:
        os.kill(control, signal.SIGCONT)
    eventually(lambda: gateway.status("/readyz") == 200)


def test_everything_dies_and_the_file_is_broken(
    gateway_of: Callable[..., Gateway], authority: Authority, live: Issued
) -> None:
    gateway = gateway_of(answering_tls("one", live), watch=False)
    eventually((gateway.state_dir / "last-good").exists)
    gateway.write("version: 2\n")
    for pid in (gateway.control_pid(), *gateway.worker_pids()):
        os.kill(pid, signal.SIGKILL)
    assert gateway.get("/", tls=authority.client()).body == b"one"
    gateway.stop()
    gateway.start()
    assert gateway.get("/", tls=authority.client()).body == b"one"
    assert "SERVING THE PREVIOUS ONE" in gateway.stderr


def test_worker_waits_for_control_where_the_files_are_gone(
    gateway_of: Callable[..., Gateway], authority: Authority, live: Issued
) -> None:
    """Without control nobody has the key any more: it is in no file but its own."""
    gateway = gateway_of(answering_tls("one", live), watch=False)
    control = gateway.control_pid()
    os.kill(control, signal.SIGSTOP)
    try:
        live.key.rename(live.key.with_suffix(".away"))
        os.kill(gateway.worker_pids()[0], signal.SIGKILL)
        eventually(lambda: "cannot be used, waiting for control" in gateway.stderr)
        assert str(live.key) in gateway.stderr
    finally:
        os.kill(control, signal.SIGCONT)
    assert gateway.get("/", tls=authority.client()).body == b"one"


def test_no_private_key_is_written_anywhere(
    gateway_of: Callable[..., Gateway], authority: Authority, live: Issued
) -> None:
    gateway = gateway_of(answering_tls("one", live))
    keys = [live.key.read_text()]
    assert gateway.get("/", tls=authority.client()).body == b"one"
    new = authority.issue("127.0.0.1")
    live.overwrite(new)
    keys.append(live.key.read_text())
    eventually(lambda: shown(gateway.port, None) == new.der)
    os.kill(gateway.worker_pids()[0], signal.SIGKILL)
    assert gateway.get("/", tls=authority.client()).body == b"one"
    os.kill(gateway.control_pid(), signal.SIGKILL)
    eventually(lambda: gateway.status("/readyz") == 200)
    live.certificate.write_bytes(authority.issue("y.test").certificate.read_bytes())
    eventually(lambda: gateway.metric("frontdesk_config_last_reload_successful") == 0)
    shown_texts = [
        gateway.cli("status", "--run-dir", str(gateway.run_dir), "-o", "json").stdout,
        gateway.cli("validate", str(gateway.file), "-o", "json").stdout,
        gateway.cli("compile", str(gateway.file)).stdout,
    ]
    gateway.stop()
    written = {path: path.read_bytes() for path in gateway.folder.rglob("*") if path.is_file()}
    assert any(gateway.state_dir in path.parents for path in written)
    for key in keys:
        body = re.sub(r"-----.*?-----|\s", "", key).encode()
        traces = [body[:40], body[40:80], base64.b64decode(body)[20:40]]
        for trace in (*traces, *(t.hex().encode() for t in traces)):
            assert [path for path, data in written.items() if trace in data] == []
            assert all(trace not in text.encode() for text in shown_texts)
