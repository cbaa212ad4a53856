"""A web server of a test's own on loopback."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # who hangs up early is none of the tests'


def start(handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    """Answers on a free port, in a thread, until it is shut down."""
    server = _Server(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    return server
