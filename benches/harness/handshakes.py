"""One request per TLS connection, as fast as one process goes: `harness.handshakes PORT PATH SECONDS RESUME`.

Prints how many there were as JSON. With RESUME 1 every connection resumes the session of the first one; a
connection that does not is counted as failed.
"""

from __future__ import annotations

import json
import socket
import ssl
import sys
import time


def main(port: int, path: str, seconds: float, *, resume: bool) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"])
    request = f"GET {path} HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n".encode()
    session = None
    done = failed = 0
    begin = time.monotonic()
    while time.monotonic() - begin < seconds:
        tcp = socket.create_connection(("127.0.0.1", port))
        with context.wrap_socket(tcp, session=session) as tls:
            tls.sendall(request)
            answer = tls.recv(65536)
            good = answer.startswith(b"HTTP/1.1 200") and (session is None or tls.session_reused)
            if resume and session is None:
                session = tls.session
        done, failed = done + good, failed + (not good)
    spent = time.monotonic() - begin
    print(json.dumps({"requests": done, "seconds": spent, "failed": failed}))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], float(sys.argv[3]), resume=sys.argv[4] == "1")
