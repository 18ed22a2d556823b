"""Fixtures of the end-to-end tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.edge import Edge, start_edge
from tests.e2e.secure import SITE
from tests.e2e.town import Town, start_town
from tests.harness import Authority, Gateway, Issued, RecordingUpstream, eventually, ok


@pytest.fixture
def upstream() -> Iterator[RecordingUpstream]:
    """An upstream of this test alone, answering 200 "ok" until scripted."""
    with RecordingUpstream() as running:
        yield running


@pytest.fixture(scope="module")
def shared_upstream() -> Iterator[RecordingUpstream]:
    """An upstream for a whole module: `clear()` and `answer(…)` it in each test."""
    with RecordingUpstream() as running:
        yield running


@pytest.fixture
def gateway_of() -> Iterator[Callable[..., Gateway]]:
    """Starts gateways and stops them after the test: `gateway_of(config, **options)`."""
    with ExitStack() as stack:

        def start(config: Mapping[str, Any] | str, **options: Any) -> Gateway:
            return stack.enter_context(Gateway(config, **options))

        yield start


@pytest.fixture(scope="module")
def module_gateway() -> Iterator[Callable[..., Gateway]]:
    """Like `gateway_of`, but the gateways live as long as the module's tests."""
    with ExitStack() as stack:

        def start(config: Mapping[str, Any] | str, **options: Any) -> Gateway:
            return stack.enter_context(Gateway(config, **options))

        yield start


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Signs the certificates of a module's tests."""
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def site(authority: Authority) -> Issued:
    """A certificate for `site.test` and for the address that clients connect to."""
    return authority.issue(*SITE, file="site")


@pytest.fixture
def secure_upstream(authority: Authority, site: Issued) -> Iterator[RecordingUpstream]:
    """An upstream with a good certificate for its address and for site.test."""
    with RecordingUpstream(tls=authority.server(site)) as running:
        yield running


@pytest.fixture
def live(authority: Authority, tmp_path: Path) -> Issued:
    """A certificate for the address, whose files the test may change."""
    first = authority.issue("127.0.0.1")
    mine = Issued(tmp_path / "live.pem", tmp_path / "live.key")
    mine.certificate.write_bytes(first.certificate.read_bytes())
    mine.key.write_bytes(first.key.read_bytes())
    return mine


@pytest.fixture(scope="module")
def edge(module_gateway: Callable[..., Gateway], shared_upstream: RecordingUpstream) -> Edge:
    """A gateway with listeners of different trust in front of the module's upstream."""
    return start_edge(module_gateway, shared_upstream)


@pytest.fixture
def fresh_upstream(shared_upstream: RecordingUpstream) -> Iterator[RecordingUpstream]:
    """The module's upstream with nothing recorded and no connection open from before."""
    shared_upstream.close_idle()
    eventually(lambda: all(c.ended != "open" for c in shared_upstream.connections))
    shared_upstream.clear()
    yield shared_upstream
    shared_upstream.answer(ok())


@pytest.fixture(scope="module")
def town(module_gateway: Callable[..., Gateway]) -> Iterator[Town]:
    """A gateway with many routes in front of four services that answer with their own name."""
    yield from start_town(module_gateway)
