"""Certificate files that can be used: what becomes of them, and what is warned about."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme

from frontdesk.compiler import compile_file
from frontdesk.errors import ConfigErrors
from tests.harness import Authority, Issued
from tests.unit.certificate_files import OCSP, SERVICE, listener
from tests.unit.config.yaml_files import compiled


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def site(authority: Authority) -> Issued:
    return authority.issue("site.test", file="site")


@pytest.mark.parametrize("kind", list(trustme.KeyType))
def test_kinds_of_key_that_are_taken(
    tmp_path: Path, authority: Authority, kind: trustme.KeyType
) -> None:
    issued = authority.issue("kind.test", kind=kind)
    result = compiled(tmp_path, listener(issued))
    assert sorted(result.secrets.values()) == sorted(issued.pem)
    assert result.warnings == []


def test_relative_names_start_at_the_folder_of_the_configuration(
    tmp_path: Path, site: Issued
) -> None:
    (tmp_path / "certs").mkdir()
    for file in (site.certificate, site.key):
        (tmp_path / "certs" / file.name).write_bytes(file.read_bytes())
    text = listener(site, certificate="certs/site.pem", key="certs/site.key")
    assert set(compiled(tmp_path, text).secrets) == {
        f"file:{tmp_path}/certs/site.pem",
        f"file:{tmp_path}/certs/site.key",
    }


def test_certificate_and_key_in_one_file(tmp_path: Path, site: Issued) -> None:
    both = tmp_path / "both.pem"
    both.write_text("".join(site.pem))
    assert list(compiled(tmp_path, listener(site, certificate=both, key=both)).secrets) == [
        f"file:{both}"
    ]


def test_expired_certificate_is_a_warning(tmp_path: Path, authority: Authority) -> None:
    old = authority.issue("old.test", expired=True)
    result = compiled(tmp_path, listener(old))
    assert result.warnings == [f"{old.certificate}: the certificate has expired"]


def test_verification_that_is_off_is_a_warning(tmp_path: Path) -> None:
    result = compiled(tmp_path, SERVICE.format(setting="verify", file="false"))
    (warning,) = result.warnings
    assert warning.startswith("services.app.tls.verify is off")


def test_files_that_may_mend_a_mistake_are_named(tmp_path: Path, site: Issued) -> None:
    """So that a gateway which refused a file notices that it is good again."""
    path = tmp_path / "gateway.yaml"
    path.write_text(listener(site, key="gone.key"))
    with pytest.raises(ConfigErrors) as refused:
        compile_file(path)
    assert set(refused.value.files) == {site.certificate, tmp_path / "gone.key"}


@pytest.mark.parametrize("part", ["certificate", "ocsp"])
def test_snapshot_changes_with_the_content_of_a_file(
    tmp_path: Path, authority: Authority, part: str
) -> None:
    mine = Issued(tmp_path / "site.pem", tmp_path / "site.key")
    ocsp = tmp_path / "site.ocsp"

    def hash_with(issued: Issued, response: bytes) -> str:
        mine.certificate.write_bytes(issued.certificate.read_bytes())
        mine.key.write_bytes(issued.key.read_bytes())
        ocsp.write_bytes(response)
        return compiled(tmp_path, listener(mine) + OCSP.format(file=ocsp)).hash

    one, two = authority.issue("one.test"), authority.issue("one.test")
    first, second = authority.ocsp_response(one), authority.ocsp_response(two)
    before = hash_with(one, first)
    assert before == hash_with(one, first)
    assert before != (hash_with(two, first) if part == "certificate" else hash_with(one, second))


def test_snapshot_holds_no_text_of_a_file(tmp_path: Path, site: Issued) -> None:
    result = compiled(tmp_path, listener(site))
    for text in site.pem:
        line = text.splitlines()[1]
        assert line.encode() not in result.encoded
        assert line not in repr(result)
