"""What client and upstream have in common: frames in and out, header blocks, windows."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import hpack

from tests.harness.http2 import frames
from tests.harness.http2.frames import ACK, END_HEADERS, END_STREAM, Frame, Kind, Setting
from tests.harness.http2.tls import TlsSocket

Text = str | bytes
Fields = Iterable[tuple[Text, Text]]
LARGE_WINDOW = 2**31 - 1


def as_bytes(text: Text) -> bytes:
    """Latin-1, as fields are."""
    return text.encode("latin-1") if isinstance(text, str) else text


@dataclass
class StreamState:
    """What came on a stream."""

    heads: list[list[tuple[str, str]]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    received: int = 0
    ended: bool = False
    reset: int | None = None
    window: int = 65_535


class Peer:
    """One side of a connection. It checks nothing that it sends."""

    def __init__(self, sock: socket.socket | TlsSocket) -> None:
        self.sock = sock
        self.encoder, self.decoder = hpack.Encoder(), hpack.Decoder()
        self.decoder.max_header_list_size = 1 << 24
        self.streams: dict[int, StreamState] = {}
        self.settings: dict[int, int] = {}
        self.goaway: tuple[int, int] | None = None
        """Last stream and code of the last GOAWAY that came."""
        self.goaways: list[tuple[int, int]] = []
        self.window = 65_535
        self.closed = False
        self.auto_window = True
        """Whether received DATA is acknowledged with WINDOW_UPDATE at once."""
        self.auto_ack = True
        """Whether SETTINGS and PING are acknowledged."""
        self.keep_bodies = True
        self.frames: list[tuple[int, int, int]] = []
        """Kind, flags and stream of everything that came."""
        self.pongs = 0
        self.changed = threading.Condition(threading.RLock())
        self._sending = threading.RLock()
        self._buffer = bytearray()
        self._block: tuple[int, int, bytes] | None = None

    # -- out -------------------------------------------------------------------------------------

    def send(self, data: bytes) -> None:
        """Bytes as they are."""
        with self._sending:
            self.sock.sendall(data)

    def send_head(self, stream: int, fields: Fields, *, end: bool = False) -> None:
        """A header block in HEADERS and CONTINUATION frames."""
        with self._sending:
            block = self.encode(fields)
            self.send(frames.header_frames(stream, block, end=end))

    def encode(self, fields: Fields) -> bytes:
        """A header block; names and values are not looked at."""
        pairs = [(as_bytes(name), as_bytes(value)) for name, value in fields]
        block: bytes = self.encoder.encode(pairs)
        return block

    def send_data(self, stream: int, data: bytes, *, end: bool = False) -> None:
        """DATA frames within the peer's windows; waits for room with `wait_for`."""
        state = self.state(stream)
        view = memoryview(data)
        while view:
            self.wait_for(lambda: self._room(state) > 0 or state.reset is not None)
            if state.reset is not None:
                raise BrokenPipeError(f"stream {stream} was reset with {state.reset}")
            with self.changed:
                size = min(len(view), self._room(state), frames.MAX_FRAME)
                state.window -= size
                self.window -= size
            piece, view = bytes(view[:size]), view[size:]
            flags = END_STREAM if end and not view else 0
            self.send(frames.frame(Kind.DATA, piece, flags=flags, stream=stream))
        if end and not data:
            self.send(frames.frame(Kind.DATA, flags=END_STREAM, stream=stream))

    def _room(self, state: StreamState) -> int:
        return min(state.window, self.window)

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Block until the condition holds. Raises ConnectionError at the connection's end."""
        raise NotImplementedError

    # -- in --------------------------------------------------------------------------------------

    def state(self, stream: int) -> StreamState:
        """The stream's state, made when first asked for."""
        with self.changed:
            if stream not in self.streams:
                window = self.settings.get(Setting.INITIAL_WINDOW_SIZE, 65_535)
                self.streams[stream] = StreamState(window=window)
            return self.streams[stream]

    def _fill(self) -> bool:
        try:
            data = self.sock.recv(262_144)
        except (ConnectionResetError, BrokenPipeError):
            data = b""
        self._buffer += data
        return bool(data)

    def read_frame(self) -> Frame | None:
        """The next frame, None at the end of the connection. Raises TimeoutError."""
        while len(self._buffer) < frames.HEADER_SIZE or len(self._buffer) < self._whole():
            if not self._fill():
                with self.changed:
                    self.closed = True
                    self.changed.notify_all()
                return None
        whole = self._whole()
        kind, flags, stream = struct.unpack(">BBI", self._buffer[3:9])
        payload = bytes(self._buffer[9:whole])
        del self._buffer[:whole]
        return Frame(kind, flags, stream & 0x7FFFFFFF, payload)

    def _whole(self) -> int:
        return frames.HEADER_SIZE + int.from_bytes(self._buffer[:3])

    def pump(self) -> Frame | None:
        """Read one frame and take it in."""
        got = self.read_frame()
        if got is not None:
            with self.changed:
                self.frames.append((got.kind, got.flags, got.stream))
                self._take(got)
                self.changed.notify_all()
        return got

    def _take(self, got: Frame) -> None:
        match got.kind:
            case Kind.HEADERS | Kind.CONTINUATION:
                self._take_block(got)
            case Kind.DATA:
                self._take_data(got)
            case Kind.RST_STREAM:
                self.state(got.stream).reset = got.number
            case Kind.SETTINGS if not got.flags & ACK:
                self._take_settings(got)
            case Kind.PING if got.flags & ACK:
                self.pongs += 1
            case Kind.PING if self.auto_ack:
                self.send(frames.frame(Kind.PING, got.payload, flags=ACK))
            case Kind.GOAWAY:
                last, code = struct.unpack(">II", got.payload[:8])
                self.goaway = (last & 0x7FFFFFFF, code)
                self.goaways.append(self.goaway)
            case Kind.WINDOW_UPDATE if got.stream:
                self.state(got.stream).window += got.number
            case Kind.WINDOW_UPDATE:
                self.window += got.number

    def _take_block(self, got: Frame) -> None:
        if got.kind == Kind.HEADERS:
            self._block = (got.stream, got.flags, got.content())
        elif self._block is not None:
            stream, flags, block = self._block
            self._block = (stream, flags, block + got.payload)
        if got.flags & END_HEADERS and self._block is not None:
            stream, flags, block = self._block
            self._block = None
            fields = self.decoder.decode(block, raw=True)
            state = self.state(stream)
            pairs = [
                (as_bytes(n).decode("latin-1"), as_bytes(v).decode("latin-1")) for n, v in fields
            ]
            state.heads.append(pairs)
            state.ended |= bool(flags & END_STREAM)
            self.head_came(stream, state)

    def head_came(self, stream: int, state: StreamState) -> None:
        """A whole header block is there."""

    def _take_data(self, got: Frame) -> None:
        state = self.state(got.stream)
        content = got.content()
        state.received += len(content)
        if self.keep_bodies:
            state.body += content
        state.ended |= bool(got.flags & END_STREAM)
        if self.auto_window and got.payload:
            self.give_room(got.stream, len(got.payload))

    def give_room(self, stream: int, size: int) -> None:
        """Let the peer send so many bytes more."""
        self.send(frames.window_update(0, size) + frames.window_update(stream, size))

    def _take_settings(self, got: Frame) -> None:
        before = self.settings.get(Setting.INITIAL_WINDOW_SIZE, 65_535)
        for at in range(0, len(got.payload), 6):
            key, value = struct.unpack(">HI", got.payload[at : at + 6])
            self.settings[key] = value
        change = self.settings.get(Setting.INITIAL_WINDOW_SIZE, 65_535) - before
        for state in self.streams.values():
            state.window += change
        if self.auto_ack:
            self.send(frames.frame(Kind.SETTINGS, flags=ACK))
