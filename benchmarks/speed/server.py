"""A service that takes its time: every answer comes after the same latency, however many are asked.

``with Server(0.2) as server: ...`` answers ``GET /NAME/lookup?numbers=1,2,3`` with records of NAME.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import defaultdict
from typing import Self

import msgspec

from benchmarks.speed.workload import record_of


class Server:
    """Serves on 127.0.0.1 in a thread; ``arrivals`` are the times of requests, by name."""

    def __init__(self, latency: float) -> None:
        self.arrivals: defaultdict[str, list[float]] = defaultdict(list)
        self._latency = latency
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        serving = asyncio.start_server(self._serve, "127.0.0.1", 0)
        server = asyncio.run_coroutine_threadsafe(serving, self._loop).result()
        self.port: int = server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def url(self, name: str) -> str:
        """Return the base URL of a name."""
        return f"http://127.0.0.1:{self.port}/{name}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                path = head.split(b" ", 2)[1].decode()
                writer.write(await self._answer(path))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _answer(self, path: str) -> bytes:
        name = path.split("/")[1]
        numbers = path.partition("numbers=")[2].replace("%2C", ",").split(",")
        self.arrivals[name].append(time.monotonic())
        body = msgspec.json.encode([record_of(name, int(number)) for number in numbers])
        await asyncio.sleep(self._latency)
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        return f"{head}\r\n\r\n".encode() + body
