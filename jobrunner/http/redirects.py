"""Where a redirect may lead: never to another host, and never out of encryption."""

from __future__ import annotations

import httpx2

from jobrunner.errors import SourceUnavailable

MOST_REDIRECTS = 5


def redirect_target(response: httpx2.Response, source: str) -> httpx2.URL:
    """Return where the redirect of a GET leads within the same host.

    Raises SourceUnavailable for any other: elsewhere our key has no business.
    """
    origin = response.request.url
    try:
        target = origin.join(response.headers["location"])
    except httpx2.InvalidURL as exc:
        raise SourceUnavailable(f"{source}: redirect to no address") from exc
    if origin.scheme == "https" and target.scheme == "http":
        # A server behind a proxy takes itself for http, on whatever port; our key stays encrypted.
        target = target.copy_with(scheme="https")
    is_http = target.scheme in ("http", "https")
    is_same_host = (target.host, target.port) == (origin.host, origin.port)
    if is_http and is_same_host and response.request.method == "GET":
        return target
    address = f"{target.scheme}://{target.netloc.decode('ascii', 'replace')}"
    raise SourceUnavailable(f"{source}: redirect to {address} not followed")
