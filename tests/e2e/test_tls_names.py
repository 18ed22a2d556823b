"""Which certificate a client gets, by the name it asks for (SNI, RFC 6066 section 3)."""

from __future__ import annotations

import ssl
from collections.abc import Callable

import pytest
import trustme

from tests.e2e.secure import answering_tls, handshakes, s_client, shown
from tests.harness import Authority, Connection, Gateway, Issued, anybody, eventually


@pytest.fixture(scope="module")
def certificates(authority: Authority) -> dict[str, Issued]:
    return {
        "default": authority.issue("default.test", "127.0.0.1"),
        "wildcard": authority.issue("*.shop.test"),
        "exact": authority.issue("www.shop.test"),
        "several": authority.issue("one.test", "two.test", "*.three.test", "::1"),
        "common-name-only": authority.issue(common_name="cn.test"),
    }


@pytest.fixture(scope="module")
def gateway(module_gateway: Callable[..., Gateway], certificates: dict[str, Issued]) -> Gateway:
    return module_gateway(answering_tls("one", *certificates.values()))


@pytest.fixture(scope="module")
def strict(module_gateway: Callable[..., Gateway], certificates: dict[str, Issued]) -> Gateway:
    return module_gateway(answering_tls("one", *certificates.values(), strict_names=True))


CHOSEN = {
    "www.shop.test": "exact",
    "WWW.Shop.TEST": "exact",
    "www.shop.test.": "exact",
    "api.shop.test": "wildcard",
    "API.SHOP.test": "wildcard",
    "api.shop.test.": "wildcard",
    "one.test": "several",
    "two.test": "several",
    "x.three.test": "several",
}
UNKNOWN = ["other.test", "shop.test", "a.b.shop.test", "three.test", "cn.test", "xone.test"]


@pytest.mark.parametrize("name", CHOSEN)
def test_name_chooses_the_certificate(
    name: str, gateway: Gateway, strict: Gateway, certificates: dict[str, Issued]
) -> None:
    """An exact name goes before a wildcard, whatever the order in the file."""
    for one in (gateway, strict):
        assert shown(one.port, name) == certificates[CHOSEN[name]].der


@pytest.mark.parametrize("name", [*UNKNOWN, None])
def test_the_first_one_is_for_everybody_else(
    name: str | None, gateway: Gateway, certificates: dict[str, Issued]
) -> None:
    assert shown(gateway.port, name) == certificates["default"].der


@pytest.mark.parametrize("name", [*UNKNOWN, None])
def test_strict_names_refuses_everybody_else(name: str | None, strict: Gateway) -> None:
    failed = handshakes(strict, "failed")
    with pytest.raises(ssl.SSLError, match=r"(?i)alert"):
        Connection(strict.port, tls=anybody(), server_name=name)
    eventually(lambda: handshakes(strict, "failed") == failed + 1)


def test_chain_and_name_are_verified_by_an_ordinary_client(
    gateway: Gateway, authority: Authority
) -> None:
    for name in ("www.shop.test", "api.shop.test", "two.test"):
        assert gateway.get("/", tls=authority.client(), server_name=name).body == b"one"
    with pytest.raises(ssl.SSLCertVerificationError):
        gateway.get("/", tls=authority.client(), server_name="other.test")


def test_name_of_the_certificate_does_not_choose_the_route(
    gateway: Gateway, authority: Authority
) -> None:
    """The Host of each request does; a connection may carry requests to several."""
    with Connection(gateway.port, tls=authority.client(), server_name="one.test") as client:
        for host in ("one.test", "two.test", "elsewhere.test"):
            assert client.request(host=host).body == b"one"


def test_two_kinds_of_key_for_one_name(
    gateway_of: Callable[..., Gateway], authority: Authority
) -> None:
    """A client that can verify only one kind gets that one (RFC 8446 section 4.4.2.2)."""
    ecdsa = authority.issue("both.test", kind=trustme.KeyType.ECDSA)
    rsa = authority.issue("both.test", kind=trustme.KeyType.RSA)
    gateway = gateway_of(answering_tls("one", ecdsa, rsa))
    assert shown(gateway.port, "both.test") == ecdsa.der
    only_rsa = ("-servername", "both.test", "-sigalgs", "RSA-PSS+SHA256")
    assert "RSA-PSS" in s_client(gateway.port, *only_rsa)
    only_ecdsa = ("-servername", "both.test", "-sigalgs", "ECDSA+SHA256")
    assert "RSA-PSS" not in s_client(gateway.port, *only_ecdsa)


def test_many_certificates(gateway_of: Callable[..., Gateway], authority: Authority) -> None:
    issued = [authority.issue(f"n{number}.test") for number in range(60)]
    gateway = gateway_of(answering_tls("one", *issued))
    for number in (0, 1, 30, 59):
        assert shown(gateway.port, f"n{number}.test") == issued[number].der


def test_listeners_have_certificates_of_their_own(
    gateway_of: Callable[..., Gateway], certificates: dict[str, Issued]
) -> None:
    other = {"address": "[::1]:@PORT@", "tls": {"certificates": [certificates["exact"].setting]}}
    gateway = gateway_of(answering_tls("one", certificates["default"]))
    other["address"] = f"[::1]:{gateway.port}"
    config = answering_tls("one", certificates["default"])
    config["listeners"]["six"] = other
    assert gateway.reload(config).returncode == 0
    assert shown(gateway.port, None) == certificates["default"].der
    with Connection(gateway.port, "::1", tls=anybody()) as client:
        assert client.secured.getpeercert(binary_form=True) == certificates["exact"].der
