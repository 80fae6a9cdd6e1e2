"""What a directory is on, and whether locks and shared memory work there."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobrunner.errors import Refused
from jobrunner.files import filesystem
from jobrunner.files.filesystem import ALLOW, check_locks, check_place, fault_of, kind_of


def test_a_local_disk_has_no_fault_and_keeps_no_trace(tmp_path: Path) -> None:
    assert fault_of(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_where_no_file_can_be_made_no_fault_is_told(tmp_path: Path) -> None:
    assert fault_of(tmp_path / "absent") is None


def test_a_local_disk_is_a_place_for_a_database(tmp_path: Path) -> None:
    check_place(tmp_path)
    check_locks(tmp_path)


def test_the_kind_of_the_innermost_file_system_is_told() -> None:
    if not Path("/proc/self/mounts").exists():
        pytest.skip("no /proc here")
    assert kind_of(Path("/proc/self")) == "proc"
    assert kind_of(Path("/proc-of-another-name")) == kind_of(Path("/"))


def test_a_network_file_system_is_refused_unless_it_is_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(ALLOW, raising=False)
    monkeypatch.setattr(filesystem, "NETWORK", {kind_of(tmp_path)})
    with pytest.raises(Refused, match="a network file system") as caught:
        check_place(tmp_path)
    assert str(caught.value.hint).endswith(f"set {ALLOW}=1")
    monkeypatch.setenv(ALLOW, "1")
    check_place(tmp_path)
