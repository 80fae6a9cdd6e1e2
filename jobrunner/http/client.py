"""The connection to one service for a whole run: rate limit, budget, size and time limits."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import cache, cached_property
from types import TracebackType
from typing import Self

import httpx2

from jobrunner.errors import (
    AnswerMalformed,
    BudgetSpent,
    SourceStopped,
    SourceUnavailable,
    TransientError,
)
from jobrunner.http.budget import Budget
from jobrunner.http.connection_errors import NEVER_SENT, is_untrusted, reason
from jobrunner.http.rate_limit import RateLimit, Start
from jobrunner.http.retry import RetryBudget
from jobrunner.http.service import Params, Service, check_address, check_headers
from jobrunner.models import Usage

LARGEST_ANSWER = 64 * 1024 * 1024
"""Most bytes of a decompressed answer; the largest real ones have about 10 MB."""

REQUEST_SECONDS = 120.0
"""Most seconds for one request, even if bytes keep arriving slowly."""

TIMEOUT = httpx2.Timeout(connect=15.0, read=60.0, write=30.0, pool=None)
"""No pool timeout: the rate limit bounds the number of open requests."""

ENCODINGS = {"", "identity", "gzip", "x-gzip", "deflate"}


@cache
def _certificates() -> ssl.SSLContext:
    """Load the trusted certificates once for all sources: loading takes 20 ms."""
    return httpx2.create_ssl_context()


class Client:
    """Sends requests to one service for a whole run: ``async with Client(...) as client``.

    Batches send their requests through :class:`jobrunner.http.batch_requests.Requests`.
    """

    def __init__(
        self,
        service: Service,
        *,
        user_agent: str,
        retry: RetryBudget | None = None,
        budget: Budget | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.service = service
        self.retry = retry or RetryBudget()
        self.budget = budget or Budget(service.name)
        self.sleep = sleep
        limits = service.limits
        self.rate_limit = RateLimit(
            limits.requests_per_second, limits.concurrency, clock=clock, sleep=sleep
        )
        self._transport = transport
        self._headers = {
            "Accept": "application/json",
            "Accept-Encoding": "gzip, deflate",
            "User-Agent": user_agent,
            **service.headers,
        }
        check_address(service.name, service.base_url)
        check_headers(service.name, self._headers)
        self._connections = AsyncExitStack()
        self._stopped: SourceStopped | None = None
        self._hurried = asyncio.Event()

    @cached_property
    def _http(self) -> httpx2.AsyncClient:
        """The HTTP client, created for the first request: a source without a network needs none."""
        client = httpx2.AsyncClient(
            headers=self._headers,
            timeout=TIMEOUT,
            limits=httpx2.Limits(max_connections=None, keepalive_expiry=60.0),
            verify=_certificates(),
            transport=self._transport,
            # Requests follows them itself, within one host: no other host gets the key.
            follow_redirects=False,
        )
        self._connections.push_async_callback(client.aclose)
        return client

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._connections.aclose()

    def request(self, method: str, path: str, params: Params, body: object) -> httpx2.Request:
        """Build a request; ``path`` is already percent-encoded."""
        return self._http.build_request(
            method,
            self.service.base_url.rstrip("/") + path,
            params={**self.service.params, **params},
            json=body,
        )

    def redirected(self, target: httpx2.URL) -> httpx2.Request:
        """Build the request that follows a redirect."""
        return self._http.build_request("GET", target)

    def stop(self, stopped: SourceStopped) -> None:
        """Send no further request in this run: the source refused them or is down.

        If only the user's budget is used up, requests that it still covers are sent.
        """
        if not isinstance(stopped, BudgetSpent):
            self._stopped = self._stopped or stopped
        self.hurry()

    def hurry(self) -> None:
        """Retry nothing from now on; requests that wait for a retry fail immediately."""
        self._hurried.set()

    @property
    def is_hurried(self) -> bool:
        """Whether retries are switched off."""
        return self._hurried.is_set()

    async def wait(self, seconds: float) -> None:
        """Wait before another attempt. Raises SourceStopped if there will be no other attempt."""
        slept = asyncio.ensure_future(self.sleep(seconds))
        hurried = asyncio.ensure_future(self._hurried.wait())
        try:
            await asyncio.wait({slept, hurried}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            slept.cancel()
            hurried.cancel()
        self._check_open()
        if self.is_hurried:
            raise SourceUnavailable(f"{self.service.name}: not retried because the run is stopping")

    def _check_open(self) -> None:
        if (stopped := self._stopped) is not None:
            # A new error each time: one shared error would collect all tracebacks.
            raise type(stopped)(str(stopped), not_before=stopped.not_before, hint=stopped.hint)

    async def send(self, request: httpx2.Request, usage: Usage) -> httpx2.Response:
        """Send one request when the rate limit allows it, and read the whole answer.

        Raises BudgetSpent if the user's budget does not cover it, TransientError if it may
        succeed later, SourceUnavailable if the certificate is not trusted, and after
        :meth:`stop` the error passed to it.
        """
        price = self.service.price(request)
        # Reserve before waiting: requests that wait at the same time share one budget.
        self.budget.reserve(price)
        async with self.rate_limit as start:
            self._check_open()
            usage.requests += 1
            request.extensions["trace"] = self._trace(start)
            response = await self._read_in_time(request, price)
        cost = self.service.cost(response)
        self.budget.settle(price, cost)
        usage.cost_micros += cost
        if response.status_code == 429:
            self.rate_limit.slow_down()
        self.service.learn(response, self.rate_limit)
        return response

    async def _read_in_time(self, request: httpx2.Request, price: int) -> httpx2.Response:
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                return await self._read(request)
        except (httpx2.RequestError, TimeoutError) as exc:
            if isinstance(exc, NEVER_SENT):
                self.budget.settle(price, 0)
            if is_untrusted(exc):  # a retry would not make it trusted
                raise SourceUnavailable(
                    f"{self.service.name}: the certificate is not trusted ({reason(exc)})",
                    hint="check the address, or set SSL_CERT_FILE to the certificates to trust",
                ) from exc
            raise TransientError(f"{self.service.name}: {reason(exc)}") from exc

    def _trace(self, start: Start) -> Callable[[str, object], Awaitable[None]]:
        """Report to the rate limit when the bytes are sent: connecting can take a while."""

        async def trace(event: str, _info: object) -> None:
            if event.endswith("send_request_headers.started"):
                self.rate_limit.sent(start)

        return trace

    async def _read(self, request: httpx2.Request) -> httpx2.Response:
        response = await self._http.send(request, stream=True)
        try:
            body = await self._body(response)
        finally:
            await response.aclose()
        # Keep headers as bytes: one that is not ASCII would not survive decoding and encoding.
        headers = [(k, v) for k, v in response.headers.raw if k.lower() != b"content-encoding"]
        return httpx2.Response(response.status_code, headers=headers, content=body, request=request)

    async def _body(self, response: httpx2.Response) -> bytes:
        encoding = response.headers.get("content-encoding", "").strip().lower()
        if encoding not in ENCODINGS:
            raise AnswerMalformed(f"{self.service.name}: unknown encoding {encoding[:30]!r}")
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > LARGEST_ANSWER:
                raise AnswerMalformed(
                    f"{self.service.name}: answer larger than {LARGEST_ANSWER >> 20} MiB"
                )
        return bytes(body)
