"""Paper lists given as bytes or text, and what comes of them."""

from __future__ import annotations

import io

import pytest

from jobrunner.errors import InputError
from jobrunner.inputs.formats import open_input
from jobrunner.models import InputPaper


def read(data: bytes | str, chunk: int = 1 << 17) -> list[InputPaper]:
    raw = data.encode() if isinstance(data, str) else data
    with open_input(None, io.BytesIO(raw), chunk=chunk) as source:
        return list(source.papers())


def refusal(data: bytes | str, chunk: int = 1 << 17) -> InputError:
    with pytest.raises(InputError) as caught:
        read(data, chunk)
    assert "\n" not in str(caught.value)
    assert caught.value.hint
    return caught.value
