"""The requests of one batch, with retries; HTTP errors become errors of jobrunner.

A :class:`~jobrunner.http.client.Client` serves one source for a whole run. A :class:`Requests`
serves one batch and counts its requests and cost. Keys are sent in headers only, so that no URL,
message or log line can contain one.
"""

from __future__ import annotations

from collections.abc import Collection

import httpx2

from jobrunner.errors import (
    AnswerMalformed,
    FaultyAnswer,
    SourceError,
    SourceStopped,
    SourceUnavailable,
    TransientError,
)
from jobrunner.http.client import Client
from jobrunner.http.redaction import redacted
from jobrunner.http.redirects import MOST_REDIRECTS, redirect_target
from jobrunner.http.responses import check_status, decode_answer
from jobrunner.http.retry import Backoff, check_patience, moment_after
from jobrunner.http.service import Params
from jobrunner.models import Usage


class Requests:
    """Sends the requests of one batch and counts them in ``usage``, which starts at zero."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._service = client.service
        self.usage = Usage()
        self._backoff = Backoff(
            client.service.name,
            client.retry,
            self.usage,
            wait=client.wait,
            is_hurried=lambda: client.is_hurried,
        )

    async def get(
        self, path: str, params: Params | None = None, *, missing: Collection[int] = (404,)
    ) -> object:
        """Return decoded JSON, or None if the status is one of ``missing``.

        Raises a :class:`~jobrunner.errors.SourceError`, never an error of the HTTP library.
        """
        return await self._send("GET", path, params or {}, None, missing)

    async def post(
        self, path: str, params: Params, body: object, *, missing: Collection[int] = (404,)
    ) -> object:
        """Send a JSON body; otherwise like :meth:`get`."""
        return await self._send("POST", path, params, body, missing)

    async def _send(
        self, method: str, path: str, params: Params, body: object, missing: Collection[int]
    ) -> object:
        async def attempt() -> object:
            # Build a new request for each attempt: a sent request cannot be sent again.
            request = self._client.request(method, path, params, body)
            return await self._attempt(request, missing)

        try:
            return await self._backoff.call(attempt)
        except FaultyAnswer as exc:
            # One paper of the batch may be the cause: the engine splits the batch.
            raise AnswerMalformed(str(exc)) from exc
        except TransientError as exc:
            # The retries are used up: the source counts as down for the rest of the run.
            unavailable = SourceUnavailable(str(exc), not_before=moment_after(exc.retry_after))
            self._client.stop(unavailable)
            raise unavailable from exc
        except SourceStopped as stopped:
            self._client.stop(stopped)
            raise

    async def _attempt(self, request: httpx2.Request, missing: Collection[int]) -> object:
        response: httpx2.Response | None = None
        try:
            response = await self._follow(await self._client.send(request, self.usage))
            # The source's own rules come first: a 404 can mean "unknown paper" or "wrong address".
            self._service.judge(response)
            if response.status_code in missing:
                return None
            check_status(response, self._service.name)
            return decode_answer(response, self._service.name)
        except SourceError as exc:
            exc.args = (redacted(str(exc), self._service.headers),)
            if response is not None and isinstance(exc, TransientError):
                self._hold(exc, response)
            raise

    async def _follow(self, response: httpx2.Response) -> httpx2.Response:
        """Follow redirects and return the final response."""
        for _ in range(MOST_REDIRECTS):
            if not response.has_redirect_location:
                return response
            target = redirect_target(response, self._service.name)
            response = await self._client.send(self._client.redirected(target), self.usage)
        raise SourceUnavailable(f"{self._service.name}: more than {MOST_REDIRECTS} redirects")

    def _hold(self, exc: TransientError, response: httpx2.Response) -> None:
        """Pause the whole source for ``Retry-After``, or stop it if the wait is too long."""
        if exc.retry_after is None:
            return
        check_patience(exc, response.status_code, self._client.retry)
        self._client.rate_limit.pause(exc.retry_after)
