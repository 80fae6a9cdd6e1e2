"""The one door to the network: pace, retries, bounds, and HTTP errors turned into ours.

A :class:`Client` serves one source for a run, a :class:`Requests` one batch of it and counts what
the batch cost. Keys travel in headers only, so that no URL, message or log line can show one.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

import httpx2
import tenacity

from jobrunner.allowance import Allowance
from jobrunner.errors import (
    AnswerMalformed,
    QuotaSpent,
    SourceError,
    SourceUnavailable,
    TransientError,
)
from jobrunner.http_rules import (
    GarbledError,
    check_address,
    check_headers,
    check_status,
    decode_answer,
    reason,
    without_keys,
)
from jobrunner.pace import Pace, Start
from jobrunner.service import Limits, Params, RetryBudget, Service, Usage, user_agent

__all__ = [
    "Client",
    "Limits",
    "Params",
    "Requests",
    "RetryBudget",
    "Service",
    "Usage",
    "user_agent",
]

log = logging.getLogger(__name__)

LARGEST_ANSWER = 64 * 1024 * 1024
"""Bytes of a decompressed answer; the largest real ones are some 10 MB."""

REQUEST_SECONDS = 120.0
"""Longest time one request may take, however slowly its bytes trickle."""

TIMEOUT = httpx2.Timeout(connect=15.0, read=60.0, write=30.0, pool=None)
TELLING_ATTEMPTS = 3
"""Failed attempts at one request after which it is a warning, and no longer daily business."""

ENCODINGS = {"", "identity", "gzip", "x-gzip", "deflate"}
MOST_REDIRECTS = 5


class Client:
    """Speaks to one service for a whole run: ``async with Client(...) as client``."""

    def __init__(
        self,
        service: Service,
        *,
        user_agent: str,
        retry: RetryBudget | None = None,
        allowance: Allowance | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.service = service
        self.retry = retry or RetryBudget()
        self.allowance = allowance or Allowance(service.name)
        self.sleep = sleep
        limits = service.limits
        self.pace = Pace(limits.requests_per_second, limits.concurrency, clock=clock, sleep=sleep)
        headers = {
            "Accept": "application/json",
            "Accept-Encoding": "gzip, deflate",
            "User-Agent": user_agent,
            **service.headers,
        }
        check_address(service.name, service.base_url)
        check_headers(service.name, headers)
        self._http = httpx2.AsyncClient(
            headers=headers,
            timeout=TIMEOUT,
            limits=httpx2.Limits(max_connections=None, keepalive_expiry=60.0),
            transport=transport,
            follow_redirects=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    def requests(self) -> Requests:
        """Return what one batch asks through; its ``usage`` starts at zero."""
        return Requests(self)

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

    async def send(self, request: httpx2.Request, usage: Usage) -> httpx2.Response:
        """Send one request in its turn and read its answer whole, within all bounds.

        Raises BudgetSpent if the user's allowance does not cover it, TransientError.
        """
        price = self.service.price(request)
        self.allowance.reserve(price)
        async with self.pace as start:
            usage.requests += 1
            request.extensions["trace"] = self._trace(start)
            try:
                async with asyncio.timeout(REQUEST_SECONDS):
                    response = await self._read(request)
            except (httpx2.RequestError, TimeoutError) as exc:
                raise TransientError(f"{self.service.name}: {reason(exc)}") from exc
        usage.bytes += len(response.content)
        cost = self.service.cost(response)
        self.allowance.settle(price, cost)
        usage.cost_micros += cost
        if response.status_code == 429:
            self.pace.slow_down()
        self.service.learn(response, self.pace)
        return response

    def _trace(self, start: Start) -> Callable[[str, object], Awaitable[None]]:
        """Tell the pace when the bytes really leave: making a connection can take longer."""

        async def trace(event: str, _info: object) -> None:
            if event.endswith("send_request_headers.started"):
                self.pace.sent(start)

        return trace

    async def _read(self, request: httpx2.Request) -> httpx2.Response:
        response = await self._http.send(request, stream=True)
        try:
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
        finally:
            await response.aclose()
        headers = [(k, v) for k, v in response.headers.multi_items() if k != "content-encoding"]
        return httpx2.Response(
            response.status_code, headers=headers, content=bytes(body), request=request
        )


class Requests:
    """The requests of one batch, with what they used."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._service = client.service
        self.usage = Usage()

    async def get(
        self, path: str, params: Params | None = None, *, missing: Collection[int] = (404,)
    ) -> object:
        """Return decoded JSON, or None where the status is one of ``missing``.

        Raises a :class:`~jobrunner.errors.SourceError`, never anything of HTTP.
        """
        return await self._ask("GET", path, params or {}, None, missing)

    async def post(
        self, path: str, params: Params, body: object, *, missing: Collection[int] = (404,)
    ) -> object:
        """Send a JSON body; otherwise like :meth:`get`."""
        return await self._ask("POST", path, params, body, missing)

    async def _ask(
        self, method: str, path: str, params: Params, body: object, missing: Collection[int]
    ) -> object:
        attempts = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type(TransientError),
            stop=self._over_budget,
            wait=self._wait,
            sleep=self._client.sleep,
            before_sleep=self._before_sleep,
            reraise=True,
        )
        try:
            return await attempts(self._once, method, path, params, body, missing)
        except GarbledError as exc:
            raise AnswerMalformed(str(exc)) from exc
        except TransientError as exc:
            raise SourceUnavailable(str(exc), not_before=_after(exc.retry_after)) from exc

    async def _once(
        self, method: str, path: str, params: Params, body: object, missing: Collection[int]
    ) -> object:
        request = self._client.request(method, path, params, body)
        response = await self._follow(await self._client.send(request, self.usage))
        try:
            self._service.judge(response)
            if response.status_code in missing:
                return None
            check_status(response, self._service.name)
            return decode_answer(response, self._service.name)
        except SourceError as exc:
            exc.args = (without_keys(str(exc), self._service.headers),)
            if isinstance(exc, TransientError):
                self._hold(exc, response)
            raise

    async def _follow(self, response: httpx2.Response) -> httpx2.Response:
        """Follow redirects of a GET within the same host; elsewhere our key has no business."""
        for _ in range(MOST_REDIRECTS):
            if not response.has_redirect_location:
                return response
            target = self._target(response)
            response = await self._client.send(self._client.redirected(target), self.usage)
        raise SourceUnavailable(f"{self._service.name}: more than {MOST_REDIRECTS} redirects")

    def _target(self, response: httpx2.Response) -> httpx2.URL:
        origin = response.request.url
        try:
            target = origin.join(response.headers["location"])
        except httpx2.InvalidURL as exc:
            raise SourceUnavailable(f"{self._service.name}: redirect to no address") from exc
        if origin.scheme == "https" and target.scheme == "http" and target.port is None:
            # A server behind a proxy takes itself for http; our key stays encrypted.
            target = target.copy_with(scheme="https")
        elsewhere = (target.host, target.port) != (origin.host, origin.port)
        if elsewhere or target.scheme not in ("http", "https") or response.request.method != "GET":
            name = f"{target.scheme}://{target.netloc.decode('ascii', 'replace')}"
            raise SourceUnavailable(f"{self._service.name}: redirect to {name} not followed")
        return target

    def _hold(self, exc: TransientError, response: httpx2.Response) -> None:
        """Make all requests of the source wait as asked, or stop where that would be too long."""
        if exc.retry_after is None:
            return
        if exc.retry_after > self._client.retry.patience:
            spent = response.status_code == 429
            kind = QuotaSpent if spent else SourceUnavailable
            raise kind(str(exc), not_before=_after(exc.retry_after)) from exc
        self._client.pace.pause(exc.retry_after)

    def _wait(self, state: tenacity.RetryCallState) -> float:
        budget = self._client.retry
        grown = tenacity.wait_exponential(multiplier=budget.first_wait, max=budget.longest_wait)
        jitter = tenacity.wait_random(0, budget.first_wait)
        return max(grown(state) + jitter(state), _asked(state))

    def _over_budget(self, state: tenacity.RetryCallState) -> bool:
        budget = self._client.retry
        waited = state.idle_for + state.upcoming_sleep
        return state.attempt_number >= budget.attempts or waited > budget.seconds

    def _before_sleep(self, state: tenacity.RetryCallState) -> None:
        self.usage.retries += 1
        log.log(
            logging.WARNING if state.attempt_number >= TELLING_ATTEMPTS else logging.INFO,
            "%s: attempt %d failed, next in %.1f s (%s)",
            self._service.name,
            state.attempt_number,
            state.upcoming_sleep,
            state.outcome.exception() if state.outcome else "",
        )


def _asked(state: tenacity.RetryCallState) -> float:
    """Return the seconds that the last failed attempt was asked to wait."""
    exc = state.outcome.exception() if state.outcome else None
    return (exc.retry_after or 0.0) if isinstance(exc, TransientError) else 0.0


def _after(seconds: float | None) -> datetime | None:
    if seconds is None:
        return None
    return datetime.now(UTC) + timedelta(seconds=min(seconds, 366 * 86400.0))
