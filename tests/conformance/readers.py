"""Two other parsers under one interface: h11 (pure Python) and httptools (llhttp, the parser of Node.js)."""

from __future__ import annotations

from dataclasses import dataclass, field

import h11
import httptools


@dataclass
class Seen:
    """One request as a parser reads it; field names are lower case."""

    method: bytes
    target: bytes
    fields: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    complete: bool = False


@dataclass(frozen=True)
class Reading:
    """What a parser makes of a stream: the requests it finds, and why it gave up, if it did."""

    requests: list[Seen]
    refused: str | None

    @property
    def accepted(self) -> bool:
        """One or more whole requests and nothing else."""
        return self.refused is None and bool(self.requests) and self.requests[-1].complete


def by_h11(stream: bytes) -> Reading:
    """Read a stream of requests with h11, as a server does that answers each at once."""
    requests: list[Seen] = []
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=2**20)
    connection.receive_data(_skip_empty_lines(stream))
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError as error:
            return Reading(requests, str(error))
        if isinstance(event, h11.Request):
            requests.append(Seen(event.method, event.target, list(event.headers)))
        elif isinstance(event, h11.Data):
            requests[-1].body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            requests[-1].complete = True
            rest = connection.trailing_data[0]
            if not _skip_empty_lines(rest):
                return Reading(requests, None)
            connection = h11.Connection(h11.SERVER, max_incomplete_event_size=2**20)
            connection.receive_data(_skip_empty_lines(rest))
        else:
            return Reading(requests, None)


def _skip_empty_lines(stream: bytes) -> bytes:
    """RFC 9112 section 2.2: empty lines before a request line are ignored, which h11 leaves to its user."""
    while stream.startswith(b"\r\n"):
        stream = stream[2:]
    return stream


class _Collector:
    """Callbacks of httptools."""

    def __init__(self) -> None:
        self.requests: list[Seen] = []
        self._head_ended = False

    def on_message_begin(self) -> None:
        self._head_ended = False
        self.requests.append(Seen(b"", b""))

    def on_url(self, url: bytes) -> None:
        self.requests[-1].target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field without the white space llhttp leaves behind it; no trailers, as in h11."""
        if not self._head_ended:
            self.requests[-1].fields.append((name.lower(), value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        self._head_ended = True

    def on_body(self, body: bytes) -> None:
        self.requests[-1].body += body

    def on_message_complete(self) -> None:
        self.requests[-1].complete = True


def by_httptools(stream: bytes) -> Reading:
    """Read a stream of requests with httptools."""
    collector = _Collector()
    parser = httptools.HttpRequestParser(collector)
    refused = None
    try:
        for at in range(len(stream)):
            begun = len(collector.requests)
            parser.feed_data(stream[at : at + 1])
            if len(collector.requests) >= max(begun, 1) and not collector.requests[-1].method:
                _note_method(collector, parser)
    except httptools.HttpParserUpgrade:
        collector.requests[-1].complete = True
    except httptools.HttpParserError as error:
        refused = str(error)
    requests = [seen for seen in collector.requests if seen.target]
    return Reading(requests, refused)


def _note_method(collector: _Collector, parser: httptools.HttpRequestParser) -> None:
    if collector.requests[-1].target:
        collector.requests[-1].method = parser.get_method()


READERS = {"h11": by_h11, "httptools": by_httptools}
