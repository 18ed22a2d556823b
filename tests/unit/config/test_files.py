"""Files that are no configuration: each is refused with its name and a reason, none blocks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from frontdesk.config.files import MAX_FILE_BYTES, read_bounded
from frontdesk.config.load import load
from frontdesk.errors import ConfigError, ConfigErrors


def refusal(path: Path) -> ConfigError:
    with pytest.raises(ConfigErrors) as raised:
        load(path)
    (error,) = raised.value.errors
    assert error.file.startswith(str(path.parent))
    return error


def test_a_missing_file(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "gone.yaml").message


def test_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    assert "not a regular file" in refusal(tmp_path / "pipe.yaml").message


def test_a_folder_that_is_named_like_a_file(tmp_path: Path) -> None:
    (tmp_path / "conf" / "inner.yaml").mkdir(parents=True)
    with pytest.raises(ConfigErrors, match=r"inner\.yaml: cannot be read: it is a folder"):
        load(tmp_path / "conf")


def test_what_is_refused_is_closed_again(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(OSError, match="it is"):
            read_bounded(path, 1)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_folder_without_configuration(tmp_path: Path) -> None:
    assert "no file named *.yaml" in refusal(tmp_path).message


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "secret.yaml"
    path.write_text("version: 1\n")
    path.chmod(0)
    assert "permission denied" in refusal(path).message


@pytest.mark.parametrize(
    ("content", "line", "column", "fragment"),
    [
        (b"", 1, 1, "is empty"),
        (b"# nothing but words\n", 1, 1, "is empty"),
        (b"---\n", 1, 1, "is empty"),
        (b"- a\n", 1, 1, "no map at its top"),
        (b"just text\n", 1, 1, "no map at its top"),
        (b"a: 1\nb: \xff\n", 2, 4, "0xff is not UTF-8"),
        (b"a: 1\r\nb: caf\xe9\r\n", 2, 7, "0xe9 is not UTF-8"),
        (b"a: 1\nb: x\x00y\n", 2, 5, "U+0000"),
        (b"a: \x1b[31m\n", 1, 4, "U+001B"),
        ("a: x\ufeff\n".encode(), 1, 5, "U+FEFF"),
        ("version: 1\n".encode("utf-16"), 0, 0, "UTF-16"),
        ("version: 1\n".encode("utf-32"), 0, 0, "UTF-16 or UTF-32"),
        ("version: 1\n".encode("utf-16-le"), 1, 2, "U+0000"),
    ],
)
def test_content_that_is_no_configuration(
    tmp_path: Path, content: bytes, line: int, column: int, fragment: str
) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_bytes(content)
    error = refusal(path)
    assert fragment in error.message
    assert (error.line, error.column) == (line, column)


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    with path.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    assert "larger than" in refusal(path).message


def test_a_utf8_mark_is_allowed_and_shifts_nothing(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_bytes(b"\xef\xbb\xbfversion: 1\nroutes: {}\n")
    loaded = load(path)
    assert loaded.value == {"version": 1, "routes": {}}
    assert (loaded.spot.line, loaded.spot.column) == (1, 1)
