"""Checksums beside files, as sha256sum reads and writes them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from jobrunner.errors import FileError
from jobrunner.files.atomic import publish, write_sidecar, write_whole
from jobrunner.files.checksums import is_published, is_whole, read_sidecar, sha256_of, sidecar_of
from tests.unit.files.conftest import NEW, OLD, sha256


@pytest.mark.parametrize(
    "name", ["a.json", "a b  c.json", "naïve.json", "-a.json", "a\\b.json", "a\nb", "a\rb"]
)
def test_sha256sum_accepts_the_checksum_beside_a_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    write_sidecar(path, write_whole(path, [NEW]).sha256)
    checked = subprocess.run(
        ["sha256sum", "--check", "--strict", f"./{name}.sha256"],  # noqa: S607
        cwd=tmp_path,
        check=False,
        capture_output=True,
    )
    assert checked.returncode == 0, checked.stderr
    assert read_sidecar(path) == sha256(NEW)


def test_a_name_that_is_not_utf_8_can_have_a_checksum(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.json")
    write_sidecar(path, write_whole(path, [NEW]).sha256)
    assert read_sidecar(path) == sha256(NEW)


def test_the_checksum_has_the_form_of_sha256sum(target: Path) -> None:
    assert sidecar_of(target).read_text(encoding="utf-8") == f"{sha256(OLD)}  out.json\n"


@pytest.mark.parametrize(
    "line",
    ["", "garbage", f"{'0' * 63}  out.json", f"{'g' * 64}  out.json", f"{'0' * 64}  other.json"],
)
def test_what_is_no_checksum_of_the_file_counts_as_none(target: Path, line: str) -> None:
    sidecar_of(target).write_text(line, encoding="utf-8")
    assert read_sidecar(target) is None


def test_a_file_without_a_checksum_has_none(source: Path) -> None:
    assert read_sidecar(source) is None


def test_a_file_that_cannot_be_read_has_no_checksum_but_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"cannot read .*absent\.json"):
        sha256_of(tmp_path / "absent.json")


def test_whether_a_file_is_published_is_told_by_its_checksum(target: Path, source: Path) -> None:
    size = source.stat().st_size
    assert not is_published(target, sha256(NEW), size)
    publish(source, target, sha256(NEW), link=False)
    assert is_published(target, sha256(NEW), size)
    assert not is_published(target, sha256(NEW), size + 1)
    target.unlink()
    assert not is_published(target, sha256(NEW), size)


def test_a_published_file_is_whole_while_its_content_is_the_same(
    target: Path, source: Path
) -> None:
    size = source.stat().st_size
    publish(source, target, sha256(NEW), link=False)
    assert is_whole(target, sha256(NEW), size)
    target.write_bytes(bytes(size))
    assert not is_whole(target, sha256(NEW), size)
