"""Encodings, compression, and files that cannot be read."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from jobrunner.errors import InputError
from jobrunner.inputs.formats import open_input


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_encodings_and_gzip_are_told_by_the_first_bytes(
    encoding: str, pack: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    path = tmp_path / "papers.json"
    path.write_bytes(pack('[{"title": "Größe 𝔸"}]'.encode(encoding)))
    with open_input(path) as source:
        assert [paper.title for paper in source.papers()] == ["Größe 𝔸"]
        assert source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_files_that_cannot_be_opened_are_refused(tmp_path: Path) -> None:
    for path, message in [
        (tmp_path / "absent.json", "no such file"),
        (tmp_path, "is a directory"),
        (Path("a\0b"), "cannot be read"),
    ]:
        with pytest.raises(InputError, match=message) as caught:
            open_input(path)
        assert caught.value.hint
