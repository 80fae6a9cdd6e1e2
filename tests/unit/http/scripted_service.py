"""A service that gives the answers of a script, and a clock that passes in sleep only."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable

import httpx2

from jobrunner.errors import (
    SourceError,
)
from jobrunner.http.batch_requests import Requests
from jobrunner.http.client import Client
from jobrunner.http.service import Limits, Service, user_agent

SECRET = "sk-secret-4711"


Handler = Callable[[httpx2.Request], httpx2.Response]


class Clock:
    """Time that passes in sleep only."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


def client(handler: Handler, clock: Clock | None = None, **changes: object) -> Client:
    service = Service(
        **{  # type: ignore[arg-type]
            "name": "demo",
            "base_url": "http://demo.test/v1",
            "limits": Limits(math.inf, 4),
            "headers": {"x-api-key": SECRET},
            **changes,
        }
    )
    clock = clock or Clock()
    return Client(
        service,
        user_agent=user_agent("a@b.org"),
        transport=httpx2.MockTransport(handler),
        sleep=clock.sleep,
        clock=clock,
    )


def ask(
    answers: Iterable[httpx2.Response | Exception],
    clock: Clock | None = None,
    path: str = "/things",
    **changes: object,
) -> tuple[object, Requests]:
    """Ask once of a service that gives these answers in turn, the last one again and again."""
    waiting = list(answers)
    told: list[str] = []

    def handler(_request: httpx2.Request) -> httpx2.Response:
        answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def run() -> tuple[object, Requests]:
        async with client(handler, clock, **changes) as opened:
            requests = Requests(opened)
            try:
                return await requests.get(path, {"q": "1"}), requests
            except SourceError as exc:
                told.append(f"{exc!r} {exc.hint}")
                exc.add_note(f"requests={requests.usage.requests}")
                raise

    try:
        return asyncio.run(run())
    finally:
        assert SECRET not in "".join(told)


def answer(status: int = 200, body: object = None, **headers: str) -> httpx2.Response:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    if isinstance(body, (bytes, str)):
        return httpx2.Response(status, content=body, headers=fields)
    return httpx2.Response(status, json={"ok": 1} if body is None else body, headers=fields)
