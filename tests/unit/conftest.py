"""Servers that end with their test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from jobrunner.demo.messages import Api
from jobrunner.demo.server import LocalServer
from tests.support.asking import Asking

Serve = Callable[..., Asking]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a server for an API and return what asks it."""
    with ExitStack() as stack:

        def start(api: Api, **options: Any) -> Asking:
            asking = Asking(stack.enter_context(LocalServer(api, **options)))
            stack.enter_context(asking.client)
            return asking

        yield start
