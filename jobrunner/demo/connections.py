"""An HTTP/1.1 server on a local socket, with persistent connections."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import struct
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import parse_qsl

from jobrunner.demo.messages import Reply, Request, text_reply

Handle = Callable[[Request, float], Reply]
"""Takes a request and its arrival time, and returns the reply."""

LONGEST_LINE = 64 * 1024
MOST_HEADERS = 100
LARGEST_BODY = 16 * 1024 * 1024
TRICKLES = 20
"""Number of pieces in which a slow body is sent."""

REASONS = {status.value: status.phrase for status in HTTPStatus}


class BadRequestError(Exception):
    """The received bytes are not an HTTP request."""


class Listener(socketserver.ThreadingTCPServer):
    """Accepts connections on 127.0.0.1, one thread for each."""

    allow_reuse_address = True
    request_queue_size = 128
    daemon_threads = False

    def __init__(self, port: int, handle: Handle) -> None:
        self.handle = handle
        self.stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()
        self._thread = threading.Thread(target=self._accept)
        super().__init__(("127.0.0.1", port), Connection)

    @property
    def port(self) -> int:
        """The port in use; the system chooses it if 0 was given."""
        return int(self.server_address[1])

    def start(self) -> None:
        """Accept connections in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Stop accepting, close the open connections and wait for their threads."""
        self.stopping.set()
        with contextlib.suppress(OSError):  # a connection unblocks the thread in accept()
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        self._thread.join()
        with self._guard:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self.server_close()

    def _accept(self) -> None:
        while not self.stopping.is_set():
            try:
                connection, address = self.get_request()
            except OSError:  # out of file descriptors: some may become free soon
                self.stopping.wait(0.01)
                continue
            if self.stopping.is_set():
                connection.close()
            else:
                self.process_request(connection, address)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """Remember the connection, then serve it."""
        with self._guard:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401
        """Close a connection."""
        with self._guard:
            self._open.discard(request)
        super().shutdown_request(request)


class Connection(socketserver.StreamRequestHandler):
    """One connection, from its first request to its last."""

    disable_nagle_algorithm = True

    def handle(self) -> None:
        """Answer requests one by one until either side closes the connection."""
        listener = cast("Listener", self.server)
        with contextlib.suppress(ConnectionError):
            while line := self.rfile.readline(LONGEST_LINE):
                started = time.monotonic()
                try:
                    request = self._read(line)
                except BadRequestError as exc:
                    self._send(text_reply(str(exc), 400, "text/plain"), head_only=False)
                    return
                reply = listener.handle(request, started)
                done = self._send(reply, head_only=request.method == "HEAD")
                if not done or request.headers.get("connection", "").lower() == "close":
                    return

    def _read(self, line: bytes) -> Request:
        parts = line.decode("latin-1").split()
        if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
            raise BadRequestError(f"not an HTTP/1.1 request line: {line[:80]!r}")
        path, _, raw_query = parts[1].partition("?")
        headers = self._headers()
        size = headers.get("content-length", "0")
        if not size.isdigit() or int(size) > LARGEST_BODY or "transfer-encoding" in headers:
            raise BadRequestError("a body without a Content-Length of reasonable size")
        return Request(
            method=parts[0],
            path=path,
            raw_query=raw_query,
            query=tuple(parse_qsl(raw_query, keep_blank_values=True)),
            headers=headers,
            body=self.rfile.read(int(size)) if size != "0" else b"",
        )

    def _headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        for _ in range(MOST_HEADERS):
            line = self.rfile.readline(LONGEST_LINE)
            if line in (b"\r\n", b"\n"):
                return headers
            name, colon, value = line.decode("latin-1").partition(":")
            if not colon:
                break
            headers[name.strip().lower()] = value.strip()
        raise BadRequestError("headers without an end")

    def _send(self, reply: Reply, *, head_only: bool) -> bool:
        """Send a reply; return whether the connection can stay open."""
        if reply.drop:
            self._reset()
            return False
        body = b"" if head_only else reply.body
        if reply.truncate is not None:
            body = body[: reply.truncate]
        if not reply.trickle:
            self.request.sendall(_head(reply) + body)
        else:
            self.request.sendall(_head(reply))
            self._trickle(body, reply.trickle)
        return reply.truncate is None

    def _trickle(self, body: bytes, seconds: float) -> None:
        size = max(1, -(-len(body) // TRICKLES))
        for first in range(0, len(body), size):
            if cast("Listener", self.server).stopping.wait(seconds / TRICKLES):
                return
            self.request.sendall(body[first : first + size])

    def _reset(self) -> None:
        """Close the connection with RST, as a crashing server would."""
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.request.close()


def _head(reply: Reply) -> bytes:
    lines = [f"HTTP/1.1 {reply.status} {REASONS.get(reply.status, 'Unknown')}"]
    lines += [f"{name}: {value}" for name, value in reply.headers.items()]
    lines.append(f"Content-Length: {len(reply.body)}")
    return "\r\n".join((*lines, "", "")).encode("latin-1")
