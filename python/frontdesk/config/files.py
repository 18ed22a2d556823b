"""Reading configuration files: which ones, how large, and in which encoding."""

from __future__ import annotations

import codecs
import errno
import os
import re
import stat
from typing import TYPE_CHECKING

from frontdesk.config.positions import Source
from frontdesk.errors import ConfigError, ConfigErrors

if TYPE_CHECKING:
    from pathlib import Path

MAX_FILE_BYTES = 16 * 2**20
SUFFIXES = (".yaml", ".yml")

_WIDE_MARKS = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_UNPRINTABLE = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
"""Everything beyond `c-printable` of YAML 1.2.2, section 5.1; a BOM within the text too.

And U+0085, U+2028 and U+2029: line breaks in YAML 1.1 and to some readers, but none in YAML 1.2.
"""


def config_files(path: Path) -> list[Path]:
    """The files of a configuration: the file itself, or those of a folder in sorted order.

    Raises:
        ConfigErrors: there is no such file, or no configuration file in the folder.
    """
    if not path.is_dir():
        return [path]
    try:
        found = sorted(
            entry
            for entry in path.iterdir()
            if entry.suffix in SUFFIXES and not entry.name.startswith(".")
        )
    except OSError as error:
        raise _whole_file(path, f"cannot be listed: {reason(error)}") from None
    if not found:
        raise _whole_file(path, "the folder holds no file named *.yaml or *.yml")
    return found


def read_source(path: Path) -> Source:
    """Read one configuration file.

    Raises:
        ConfigErrors: not readable, not a regular file, too large, or not UTF-8 text.
    """
    try:
        content = read_bounded(path, MAX_FILE_BYTES)
    except OSError as error:
        raise _whole_file(path, f"cannot be read: {reason(error)}") from None
    if content.startswith(_WIDE_MARKS):
        raise _whole_file(path, "is UTF-16 or UTF-32, expected UTF-8", "save it as UTF-8")
    content = content.removeprefix(codecs.BOM_UTF8)
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        before = content[: error.start].decode()
        message = f"the byte 0x{content[error.start]:02x} is not UTF-8"
        raise ConfigErrors([_at_offset(path, before, len(before), message)]) from None
    if found := _UNPRINTABLE.search(text):
        message = f"the character U+{ord(found[0]):04X} cannot stand in a YAML file"
        hint = 'in a double-quoted string it can be written as an escape such as "\\x07"'
        if found[0] == "\0" and text.count("\0") > len(text) // 4:
            hint = "save the file as UTF-8"
        raise ConfigErrors([_at_offset(path, text, found.start(), message, hint)])
    return Source(str(path), path.parent, text)


def read_bounded(path: Path, limit: int) -> bytes:
    """The content of a regular file; a FIFO or device is refused without waiting for it.

    Raises:
        OSError: with a reason that a person understands.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        # Before a file object is made, which refuses a folder and leaves the descriptor open.
        os.close(descriptor)
        if stat.S_ISDIR(mode):
            raise OSError(errno.EISDIR, "it is a folder")
        raise OSError(errno.EINVAL, "it is not a regular file")
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"it is larger than {limit:,} bytes")
    return content


def reason(error: OSError) -> str:
    """Why the system refused, in its own words."""
    if error.errno == errno.EISDIR:
        return "it is a folder"
    return (error.strerror or str(error)).lower()


def _whole_file(path: Path, message: str, hint: str = "") -> ConfigErrors:
    return ConfigErrors([ConfigError(str(path), 0, 0, "", message, hint)])


def _at_offset(path: Path, text: str, offset: int, message: str, hint: str = "") -> ConfigError:
    before = text[:offset].replace("\r\n", "\n").replace("\r", "\n")
    source = Source(str(path), path.parent, text)
    column = offset - max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset))
    return source.error(before.count("\n") + 1, column, message, hint=hint)
