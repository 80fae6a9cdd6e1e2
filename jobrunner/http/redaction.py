"""Messages without our keys: a service may repeat in its answer what we sent."""

from __future__ import annotations

import re
from collections.abc import Mapping

MESSAGE_LENGTH = 360
"""Characters of a message about a service's answer that are shown."""

SHORTEST_KEY = 7
"""Shorter words of a header are no keys, and would be struck out of harmless places."""


def redacted(message: str, headers: Mapping[str, str]) -> str:
    """Return a message as it may be shown: without the keys of our headers, and not too long."""
    words = [word for value in headers.values() for word in value.split()]
    for word in words:
        if len(word) >= SHORTEST_KEY:
            # In a host name a key stands in lower case.
            message = re.sub(re.escape(word), "***", message, flags=re.IGNORECASE)
    if len(message) <= MESSAGE_LENGTH:
        return message
    # Only now is it cut: a key cut first would leave its beginning at the end.
    return message[: MESSAGE_LENGTH - 1] + "…"
