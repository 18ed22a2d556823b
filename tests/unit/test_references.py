"""References: from what a snapshot says to the text of a file, without the compiler."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from frontdesk.snapshot.references import MAX_BYTES, Unresolvable, of_file, resolve


def test_text_and_binary(tmp_path: Path) -> None:
    text, binary = tmp_path / "a: b.pem", tmp_path / "b.der"
    text.write_text("grün\n")
    binary.write_bytes(b"\x30\xff\0")
    wanted = [of_file(text), of_file(binary, binary=True)]
    assert wanted == [f"file:{text}", f"hexfile:{binary}"]
    assert resolve(wanted) == {wanted[0]: "grün\n", wanted[1]: "30ff00"}


def test_nothing_wanted() -> None:
    assert resolve([]) == {}


def test_files_that_cannot_be_had(tmp_path: Path) -> None:
    open_before = len(list(Path("/proc/self/fd").iterdir()))
    huge, binary, fifo = tmp_path / "huge", tmp_path / "binary", tmp_path / "fifo"
    huge.write_bytes(b"x" * (MAX_BYTES + 1))
    binary.write_bytes(b"\xff")
    os.mkfifo(fifo)
    for path, why in (
        (tmp_path / "gone", "No such file"),
        (tmp_path, "not a regular file"),
        (fifo, "not a regular file"),
        (huge, "larger than 1,048,576 bytes"),
        (binary, "decode"),
    ):
        with pytest.raises(Unresolvable, match=f"^{path} cannot be read: .*{why}"):
            resolve([of_file(path)])
    assert len(list(Path("/proc/self/fd").iterdir())) == open_before


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_file_that_may_not_be_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.touch(mode=0)
    with pytest.raises(Unresolvable, match="Permission denied"):
        resolve([of_file(secret)])


def test_largest_file(tmp_path: Path) -> None:
    file = tmp_path / "large"
    file.write_bytes(b"x" * MAX_BYTES)
    assert len(resolve([of_file(file)])[of_file(file)]) == MAX_BYTES
