"""What an upstream does with a request, as steps that both protocols know."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from tests.e2e.messages import as_chunks
from tests.harness import RecordedRequest, Reset, Truncate
from tests.harness.http2 import Code, ServerStream

Fields = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Head:
    """A head: interim, final with a body of `length` or of unknown length, or (`ends`) without one."""

    status: int = 200
    fields: Fields = ()
    length: int | None = None
    ends: bool = False


@dataclass(frozen=True)
class Data:
    """A part of the body."""

    data: bytes


@dataclass(frozen=True)
class End:
    """The end, with trailers."""

    trailers: Fields = ()


@dataclass(frozen=True)
class Call:
    """Something that happens in between, such as waiting for the client."""

    run: Callable[[], object]


@dataclass(frozen=True)
class Abort:
    """The request is given up: RST_STREAM, or a reset of the connection."""

    code: int = Code.INTERNAL_ERROR


class Close:
    """The connection is closed."""


Step = Head | Data | End | Call | Abort | Close
Plan = Iterable[Step]


def whole(body: bytes = b"ok", fields: Fields = (), status: int = 200) -> list[Step]:
    """A plain answer with content-length."""
    return [Head(status, fields, length=len(body)), Data(body), End()]


def as_http1(plan: Plan) -> Callable[[RecordedRequest], Iterator[bytes | Truncate | Reset]]:
    """The plan as bytes of HTTP/1."""

    def script(_: RecordedRequest) -> Iterator[bytes | Truncate | Reset]:
        chunked = False
        for step in plan:
            match step:
                case Head():
                    chunked = step.status >= 200 and step.length is None and not step.ends
                    yield _head_lines(step, chunked=chunked)
                case Data(data):
                    yield as_chunks(data)[:-5] if chunked else data
                case End(trailers) if chunked:
                    lines = ["0"] + [f"{n}: {v}" for n, v in trailers]
                    yield "\r\n".join([*lines, "", ""]).encode("latin-1")
                case Call(run):
                    run()
                case Abort():
                    yield Reset()
                case Close():
                    yield Truncate()

    return script


def _head_lines(head: Head, *, chunked: bool) -> bytes:
    lines = [f"HTTP/1.1 {head.status} Status"] + [f"{n}: {v}" for n, v in head.fields]
    if head.length is not None:
        lines.append(f"content-length: {head.length}")
    if chunked:
        lines.append("transfer-encoding: chunked")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def as_http2(plan: Plan, *, early: bool) -> Callable[[ServerStream], None]:
    """The plan as frames of HTTP/2."""

    def script(stream: ServerStream) -> None:
        if not early:
            stream.wait_body()
        ended = False
        for step in plan:
            match step:
                case Head(status, fields, length, ends):
                    more = [] if length is None else [("content-length", str(length))]
                    ended = ends
                    stream.head(status, [*fields, *more], end=ends)
                case End(trailers):
                    _end(stream, trailers, ended=ended)
                case Data(data):
                    stream.data(data)
                case Call(run):
                    run()
                case Abort(code):
                    stream.reset(code)
                case Close():
                    stream.close()

    return script


def _end(stream: ServerStream, trailers: Fields, *, ended: bool) -> None:
    if trailers:
        stream.trailers(trailers)
    elif not ended:
        stream.data(b"", end=True)
