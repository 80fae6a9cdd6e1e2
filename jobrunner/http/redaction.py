"""Removes keys from messages: an answer may repeat what was sent."""

from __future__ import annotations

import re
from collections.abc import Mapping

MESSAGE_LENGTH = 360
"""Most characters shown of a message about an answer."""

SHORTEST_KEY = 7
"""Shorter words in a header are not keys; redacting them would damage harmless text."""


def redacted(message: str, headers: Mapping[str, str]) -> str:
    """Return a message without the keys in the headers, cut to a readable length."""
    words = [word for value in headers.values() for word in value.split()]
    for word in words:
        if len(word) >= SHORTEST_KEY:
            # Ignore case: a key inside a host name is in lower case.
            message = re.sub(re.escape(word), "***", message, flags=re.IGNORECASE)
    if len(message) <= MESSAGE_LENGTH:
        return message
    # Cut last: a key that is cut first is not recognised, and its beginning would remain.
    return message[: MESSAGE_LENGTH - 1] + "…"
