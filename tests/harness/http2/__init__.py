"""HTTP/2 by hand: a client and an upstream that send the frames they are told to, also forbidden ones."""

from tests.harness.http2.certificates import Certificates
from tests.harness.http2.client import Http2Client, Http2Response
from tests.harness.http2.frames import PREFACE, Code, Frame, Kind, Setting, frame, settings
from tests.harness.http2.upstream import Http2Request, Http2Upstream, ServerStream, reply

__all__ = [
    "PREFACE",
    "Certificates",
    "Code",
    "Frame",
    "Http2Client",
    "Http2Request",
    "Http2Response",
    "Http2Upstream",
    "Kind",
    "ServerStream",
    "Setting",
    "frame",
    "reply",
    "settings",
]
