"""Certificates that change on disk: taken over whole and valid, or not at all."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.secure import answering_tls, shown
from tests.harness import Authority, Gateway, Issued, Load, eventually
from tests.harness.configs import answering


def test_changed_files_are_served_without_a_failed_request(
    gateway_of: Callable[..., Gateway], authority: Authority, live: Issued
) -> None:
    gateway = gateway_of(answering_tls("one", live))
    context = authority.client()
    with (
        Load(gateway.port, tls=context) as kept,
        Load(gateway.port, tls=context, keep_alive=False, clients=2) as fresh,
    ):
        for _ in range(3):
            new = authority.issue("127.0.0.1")
            live.overwrite(new)
            eventually(lambda n=new: shown(gateway.port, None) == n.der, what="the new certificate")
        before = kept.done, fresh.done
        eventually(lambda: kept.done > before[0] and fresh.done > before[1])
    assert kept.failures == []
    assert kept.reopened == 0, "connections that are open stay open"
    assert fresh.failures == []


def test_half_of_a_change_is_not_taken(
    gateway_of: Callable[..., Gateway], authority: Authority, live: Issued
) -> None:
    """A tool that writes the certificate first and the key later: the pair is never mixed."""
    gateway = gateway_of(answering_tls("one", live), watch=False)
    old, new = live.der, authority.issue("127.0.0.1")
    live.certificate.write_bytes(new.certificate.read_bytes())
    done = gateway.reload()
    assert done.returncode == 1
    assert f"the file {live.key} does not belong to the certificate" in done.stderr
    assert shown(gateway.port, None) == old
    live.key.write_bytes(new.key.read_bytes())
    assert gateway.reload().returncode == 0
    assert shown(gateway.port, None) == new.der


def test_swap_of_a_symbolic_link(
    gateway_of: Callable[..., Gateway], authority: Authority, tmp_path: Path
) -> None:
    """As Kubernetes mounts secrets: names -> ..data/names, ..data -> a folder that is exchanged."""
    mounted = tmp_path / "mounted"
    mounted.mkdir()

    def publish(name: str, issued: Issued) -> None:
        folder = mounted / name
        folder.mkdir()
        (folder / "tls.crt").write_bytes(issued.certificate.read_bytes())
        (folder / "tls.key").write_bytes(issued.key.read_bytes())
        (mounted / "..data_tmp").symlink_to(name)
        (mounted / "..data_tmp").rename(mounted / "..data")

    first, second = (authority.issue("127.0.0.1") for _ in range(2))
    publish("..one", first)
    for name in ("tls.crt", "tls.key"):
        (mounted / name).symlink_to(f"..data/{name}")
    site = Issued(mounted / "tls.crt", mounted / "tls.key")
    gateway = gateway_of(answering_tls("one", site))
    assert shown(gateway.port, None) == first.der
    with Load(gateway.port, tls=authority.client(), keep_alive=False) as load:
        publish("..two", second)
        eventually(lambda: shown(gateway.port, None) == second.der, what="the new certificate")
    assert load.failures == []


def _broken(live: Issued, authority: Authority) -> dict[str, Callable[[], Any]]:
    certificate, key = live.certificate, live.key
    return {
        "empty": lambda: certificate.write_text(""),
        "half": lambda: certificate.write_text(certificate.read_text()[:300]),
        "not-pem": lambda: certificate.write_text("hello\n"),
        "not-text": lambda: certificate.write_bytes(b"\x30\x82\x01\xff"),
        "gone": certificate.unlink,
        "key-gone": key.unlink,
        "key-empty": lambda: key.write_text(""),
        "other-key": lambda: key.write_bytes(authority.issue("x.test").key.read_bytes()),
        "swapped": lambda: key.write_bytes(certificate.read_bytes()),
        "huge": lambda: certificate.write_text(certificate.read_text() + "#" * (1 << 20)),
    }


@pytest.mark.parametrize("name", _broken(Issued(Path(), Path()), None))  # type: ignore[arg-type]
def test_broken_replacement_changes_nothing(
    name: str, gateway_of: Callable[..., Gateway], authority: Authority, live: Issued
) -> None:
    """It is refused like a mistake in the configuration, and mended by the next good file."""
    gateway = gateway_of(answering_tls("one", live))
    before, old = gateway.status_json()["hash"], live.der
    _broken(live, authority)[name]()
    eventually(lambda: gateway.metric("frontdesk_config_last_reload_successful") == 0)
    status = gateway.status_json()
    assert (status["hash"], status["ready"]) == (before, True)
    (error,) = status["last_reload"]["errors"]
    assert error["path"].startswith("listeners.web.tls.certificates[0].")
    assert (error["line"] > 0, error["column"] > 0) == (True, True)
    assert "Traceback" not in gateway.stderr
    assert shown(gateway.port, None) == old
    # A worker that dies meanwhile comes back with what was in force, which control still holds.
    os.kill(gateway.worker_pids()[0], signal.SIGKILL)
    assert eventually(lambda: _shown_if_any(gateway)) == old
    new = authority.issue("127.0.0.1")
    live.overwrite(new)
    eventually(lambda: shown(gateway.port, None) == new.der, what="the mended certificate")
    assert gateway.metric("frontdesk_config_last_reload_successful") == 1


def _shown_if_any(gateway: Gateway) -> bytes:
    try:
        return shown(gateway.port, None)
    except OSError:
        return b""


def test_start_with_an_expired_certificate_warns(
    gateway_of: Callable[..., Gateway], authority: Authority
) -> None:
    """Clients decide; a gateway that refused to start would serve nobody at all."""
    old = authority.issue("127.0.0.1", expired=True)
    gateway = gateway_of(answering_tls("one", old))
    warning = f"{old.certificate}: the certificate has expired"
    assert warning in gateway.status_json()["last_reload"]["warnings"]
    assert warning in gateway.cli("status", "--run-dir", str(gateway.run_dir)).stdout.replace(
        "\n", ""
    )
    assert warning in gateway.cli("validate", str(gateway.file)).stderr.replace("\n", "")
    assert warning in gateway.stderr
    assert shown(gateway.port, None) == old.der


def test_tls_is_switched_on_and_off_by_a_reload(
    gateway_of: Callable[..., Gateway], authority: Authority, live: Issued
) -> None:
    gateway = gateway_of(answering("plain"))
    assert gateway.get("/").body == b"plain"
    assert gateway.reload(answering_tls("secret", live)).returncode == 0
    assert gateway.get("/", tls=authority.client()).body == b"secret"
    assert gateway.reload(answering("plain")).returncode == 0
    assert gateway.get("/").body == b"plain"
