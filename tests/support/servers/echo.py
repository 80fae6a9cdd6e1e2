"""A service that says what it was asked, with any limits."""

from __future__ import annotations

from jobrunner.demo.messages import Allowed, Api, Reply, Request, json_reply


class Echo(Api):
    """Says what it was asked; its limits are set by each test."""

    name = "echo"

    def __init__(self, per_second: float = 1000.0, at_once: float = 1000.0) -> None:
        self.limits = Allowed(per_second=per_second, at_once=at_once)

    def answer(self, request: Request) -> Reply:
        if request.path == "/list":
            return json_reply({"results": [{"id": 1, "title": "a"}, {"id": 2, "title": "b"}]})
        return json_reply(
            {"path": request.path, "query": request.query, "body": request.body.decode()}
        )

    def asked(self, request: Request) -> tuple[str, ...]:
        return (request.path[1:],)

    def allowed(self, request: Request) -> Allowed:
        return self.limits
