"""A proxy that serves a server under a path prefix, as operators do."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import cast

import httpx

_HOP_BY_HOP = frozenset({"connection", "transfer-encoding", "keep-alive"})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"  # the connection ends with the answer, streams included

    def _pass_on(self) -> None:
        server = cast("_PrefixServer", self.server)
        if not self.path.startswith(f"{server.prefix}/"):
            self.send_error(404)
            return
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP}
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        url = server.target + self.path.removeprefix(server.prefix)
        with httpx.stream(self.command, url, headers=headers, content=body, timeout=60) as answer:
            self.send_response(answer.status_code)
            for name, value in answer.headers.multi_items():
                if name.lower() not in _HOP_BY_HOP:
                    self.send_header(name, value)
            self.end_headers()
            try:
                for piece in answer.iter_raw():
                    self.wfile.write(piece)
            except OSError:
                return  # the browser has seen enough

    def do_GET(self) -> None:
        """Pass it on."""
        self._pass_on()

    def do_POST(self) -> None:
        """Pass it on."""
        self._pass_on()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name is the base's)
        """Say nothing."""


class _PrefixServer(ThreadingHTTPServer):
    daemon_threads = True
    target: str
    prefix: str


@contextmanager
def prefixed(target: str, prefix: str) -> Iterator[str]:
    """Serve ``target`` under a prefix; its URL there."""
    with _PrefixServer(("127.0.0.1", 0), _Handler) as listening:
        listening.target, listening.prefix = target, prefix
        thread = threading.Thread(target=listening.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.server_address[1]}{prefix}"
        finally:
            listening.shutdown()
            thread.join()
