"""The same application for granian, with the client's address and scheme as the gateway tells them.

uvicorn does this itself (`--proxy-headers`, on by default for 127.0.0.1).
"""

from __future__ import annotations

from app import app as plain
from granian.utils.proxies import wrap_asgi_with_proxy_headers

app = wrap_asgi_with_proxy_headers(plain, trusted_hosts="127.0.0.1")
