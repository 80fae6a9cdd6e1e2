"""The one door to the network: requests with retries, and HTTP errors turned into ours.

A :class:`Client` serves one source for a run, a :class:`Requests` one batch of it and counts what
the batch cost. Keys travel in headers only, so that no URL, message or log line can show one.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import httpx2
import tenacity

from jobrunner.errors import (
    AnswerMalformed,
    FaultyAnswer,
    QuotaSpent,
    SourceError,
    SourceStopped,
    SourceUnavailable,
    TransientError,
)
from jobrunner.http.client import Client
from jobrunner.http.responses import check_status, decode_answer, shown
from jobrunner.http.retry import is_exhausted, last_error, wait_before_next
from jobrunner.http.service import Params, Usage

log = logging.getLogger(__name__)

TELLING_ATTEMPTS = 3
"""Failed attempts at one request after which it is a warning, and no longer daily business."""

MOST_REDIRECTS = 5


class Requests:
    """The requests of one batch, with what they used; ``usage`` starts at zero."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._service = client.service
        self.usage = Usage()
        self._doubted = False

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
            sleep=self._client.wait,
            before_sleep=self._before_sleep,
            reraise=True,
        )
        try:
            return await attempts(self._once, method, path, params, body, missing)
        except FaultyAnswer as exc:
            # The patience of one request is enough to see whether the fault passes.
            self._doubted = True
            raise AnswerMalformed(str(exc)) from exc
        except TransientError as exc:
            stopped = SourceUnavailable(str(exc), not_before=_after(exc.retry_after))
            self._client.stop(stopped)
            raise stopped from exc
        except SourceStopped as stopped:
            self._client.stop(stopped)
            raise

    async def _once(
        self, method: str, path: str, params: Params, body: object, missing: Collection[int]
    ) -> object:
        request = self._client.request(method, path, params, body)
        response: httpx2.Response | None = None
        try:
            response = await self._follow(await self._client.send(request, self.usage))
            self._service.judge(response)
            if response.status_code in missing:
                return None
            check_status(response, self._service.name)
            return decode_answer(response, self._service.name)
        except SourceError as exc:
            exc.args = (shown(str(exc), self._service.headers),)
            if response is not None and isinstance(exc, TransientError):
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
        if origin.scheme == "https" and target.scheme == "http":
            # A server behind a proxy takes itself for http, on whatever port; our key stays
            # encrypted.
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
        return wait_before_next(state, self._client.retry)

    def _over_budget(self, state: tenacity.RetryCallState) -> bool:
        over = is_exhausted(state, self._client.retry, doubted=self._doubted)
        return over or self._client.is_hurried

    def _before_sleep(self, state: tenacity.RetryCallState) -> None:
        self.usage.retries += 1
        log.log(
            logging.WARNING if state.attempt_number >= TELLING_ATTEMPTS else logging.INFO,
            "%s: attempt %d failed, next in %.1f s (%s)",
            self._service.name,
            state.attempt_number,
            state.upcoming_sleep,
            last_error(state) or "",
        )


def _after(seconds: float | None) -> datetime | None:
    if seconds is None:
        return None
    return datetime.now(UTC) + timedelta(seconds=min(seconds, 366 * 86400.0))
