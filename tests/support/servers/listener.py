"""A server's plan that listens."""

from __future__ import annotations

from jobrunner.demo.messages import Fault, Request


class Listener:
    """A plan that spoils nothing and remembers the headers of all requests."""

    def __init__(self) -> None:
        self.keys: set[str] = set()
        self.agents: set[str] = set()

    def __call__(self, request: Request, _number: int) -> Fault | None:
        self.keys.add(request.headers.get("authorization", ""))
        self.agents.add(request.headers.get("user-agent", ""))
        return None
