"""Allowed redirects: never to another host, never from https to http."""

from __future__ import annotations

import httpx2

from jobrunner.errors import SourceUnavailable

MOST_REDIRECTS = 5
"""A longer chain is treated as a loop."""


def redirect_target(response: httpx2.Response, source: str) -> httpx2.URL:
    """Return the target of a redirected GET request within the same host.

    Raises SourceUnavailable for other redirects: another host must not receive the key.
    """
    origin = response.request.url
    try:
        target = origin.join(response.headers["location"])
    except httpx2.InvalidURL as exc:
        raise SourceUnavailable(f"{source}: redirect to an invalid address") from exc
    if origin.scheme == "https" and target.scheme == "http":
        # A server behind a proxy may believe that it serves http. Stay on https to protect the key.
        target = target.copy_with(scheme="https")
    is_http = target.scheme in ("http", "https")
    is_same_host = (target.host, target.port) == (origin.host, origin.port)
    if is_http and is_same_host and response.request.method == "GET":
        return target
    address = f"{target.scheme}://{target.netloc.decode('ascii', 'replace')}"
    raise SourceUnavailable(f"{source}: redirect to {address} not followed")
