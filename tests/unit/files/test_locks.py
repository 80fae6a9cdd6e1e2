"""The lock: who holds it, how it ends, and who may ask, with real processes."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobrunner.errors import StoreError
from jobrunner.files import locks
from jobrunner.files.locks import FileLock, is_held, try_lock
from tests.support.events import LIMIT_S, eventually

Start = Callable[..., subprocess.Popen[str]]

HOLDER = """
import sys
from pathlib import Path
from jobrunner.files.locks import FileLock
lock = FileLock(Path(sys.argv[1]))
print(lock.acquire(exclusive=sys.argv[2] == "exclusive", patience=0), flush=True)
for line in sys.stdin:
    if line == "reopen\\n":
        with open(sys.argv[1], "r+b") as file:
            file.write(b"x")
    elif line == "release\\n":
        lock.release()
    print("done", flush=True)
"""

CROWD = """
import os, sys
from pathlib import Path
from jobrunner.files.locks import FileLock
path, count = Path(sys.argv[1]), int(sys.argv[2])
gate_out, gate_in = os.pipe()
result_out, result_in = os.pipe()
stay_out, stay_in = os.pipe()
for _ in range(count):
    if os.fork() == 0:
        os.close(gate_in), os.close(stay_in)
        os.read(gate_out, 1)
        won = FileLock(path).acquire(exclusive=True, patience=0)
        os.write(result_in, b"1" if won else b"0")
        os.read(stay_out, 1)
        os._exit(0)
os.close(gate_in)
results = b""
while len(results) < count:
    results += os.read(result_out, count)
os.close(stay_in)
print(results.count(b"1"), results.count(b"0"))
"""


@pytest.fixture
def lock_file(tmp_path: Path) -> Path:
    return tmp_path / "run.lock"


def take(start: Start, path: Path, mode: str) -> subprocess.Popen[str]:
    child = start(HOLDER, path, mode)
    assert hears(child) == "True"
    return child


def hears(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline().strip()


def tell(child: subprocess.Popen[str], word: str) -> None:
    assert child.stdin is not None
    child.stdin.write(f"{word}\n")
    child.stdin.flush()
    assert hears(child) == "done"


def can_take(path: Path, *, exclusive: bool) -> bool:
    with FileLock(path) as lock:
        return lock.acquire(exclusive=exclusive, patience=0)


@pytest.mark.parametrize(
    ("theirs", "exclusive", "free"),
    [
        ("exclusive", True, False),
        ("exclusive", False, False),
        ("shared", True, False),
        ("shared", False, True),
    ],
)
def test_only_shared_holders_tolerate_each_other(
    start: Start, lock_file: Path, theirs: str, *, exclusive: bool, free: bool
) -> None:
    take(start, lock_file, theirs)
    assert can_take(lock_file, exclusive=exclusive) is free


def test_two_locks_of_one_process_exclude_each_other(lock_file: Path) -> None:
    with FileLock(lock_file) as lock:
        assert lock.acquire(exclusive=True)
        assert not can_take(lock_file, exclusive=True)


def test_a_released_lock_is_free(start: Start, lock_file: Path) -> None:
    child = take(start, lock_file, "exclusive")
    tell(child, "release")
    assert can_take(lock_file, exclusive=True)


def test_a_lock_dies_with_its_holder(start: Start, lock_file: Path) -> None:
    child = take(start, lock_file, "exclusive")
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert can_take(lock_file, exclusive=True)


def test_a_stopped_holder_keeps_the_lock(start: Start, lock_file: Path) -> None:
    child = take(start, lock_file, "exclusive")
    child.send_signal(signal.SIGSTOP)
    assert not can_take(lock_file, exclusive=True)


def test_a_holder_that_reopens_and_closes_the_file_keeps_the_lock(
    start: Start, lock_file: Path
) -> None:
    child = take(start, lock_file, "exclusive")
    tell(child, "reopen")
    assert not can_take(lock_file, exclusive=True)


def test_a_child_that_runs_another_program_does_not_inherit_the_lock(lock_file: Path) -> None:
    lock = FileLock(lock_file)
    assert lock.acquire(exclusive=True)
    with subprocess.Popen(["sleep", "60"], close_fds=False) as other:  # noqa: S607
        lock.release()
        assert can_take(lock_file, exclusive=True)
        other.kill()


def test_of_three_hundred_simultaneous_starts_one_gets_the_lock(
    start: Start, lock_file: Path
) -> None:
    assert hears(start(CROWD, lock_file, 300)) == "1 299"


def test_a_lock_whose_file_is_deleted_meanwhile_is_taken_on_a_new_one(
    lock_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its directory may be that of a session which is just being deleted."""
    lock_file.touch()
    lock, really_wait = FileLock(lock_file), locks.wait_for_lock

    def delete_first(*arguments: Any, **options: Any) -> bool:
        monkeypatch.setattr(locks, "wait_for_lock", really_wait)
        lock_file.unlink()
        return really_wait(*arguments, **options)

    monkeypatch.setattr(locks, "wait_for_lock", delete_first)
    with lock:
        assert lock.acquire(exclusive=True)
        assert is_held(lock_file)


def test_a_lock_can_be_taken_again_after_its_release(lock_file: Path) -> None:
    lock = FileLock(lock_file)
    for _ in range(2):
        assert lock.acquire(exclusive=True)
        lock.release()


def test_a_lock_that_was_refused_can_be_asked_for_again(start: Start, lock_file: Path) -> None:
    child = take(start, lock_file, "exclusive")
    with FileLock(lock_file) as lock:
        assert not lock.acquire(exclusive=True, patience=0)
        tell(child, "release")
        assert lock.acquire(exclusive=True, patience=0)


def test_taking_a_lock_twice_is_a_mistake_that_keeps_it(lock_file: Path) -> None:
    with FileLock(lock_file) as lock:
        assert lock.acquire(exclusive=True)
        with pytest.raises(RuntimeError, match="locked already"):
            lock.acquire(exclusive=False)
        assert is_held(lock_file)


def test_releasing_what_is_not_held_is_nothing(lock_file: Path) -> None:
    FileLock(lock_file).release()


def test_patience_waits_for_a_holder_that_is_about_to_leave(start: Start, lock_file: Path) -> None:
    child = take(start, lock_file, "exclusive")
    assert child.stdin is not None
    with FileLock(lock_file) as lock:
        child.stdin.write("release\n")
        child.stdin.flush()
        assert lock.acquire(exclusive=True, patience=LIMIT_S)


class Clock:
    """Time that passes in sleep only."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_patience_ends(start: Start, lock_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    take(start, lock_file, "exclusive")
    clock = Clock()
    monkeypatch.setattr(locks, "time", clock)
    with FileLock(lock_file) as lock:
        assert not lock.acquire(exclusive=True, patience=0.1)
    assert clock.now == pytest.approx(0.1, abs=0.03)


def test_no_descriptor_stays_open(start: Start, lock_file: Path) -> None:
    take(start, lock_file, "exclusive")
    before = len(list(Path("/dev/fd").iterdir()))
    can_take(lock_file, exclusive=True)
    is_held(lock_file)
    assert len(list(Path("/dev/fd").iterdir())) == before


def test_a_missing_directory_is_made(tmp_path: Path) -> None:
    assert can_take(tmp_path / "deep" / "down" / "run.lock", exclusive=True)


def test_a_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="cannot create the lock file") as caught:
        can_take(tmp_path / "file" / "run.lock", exclusive=True)
    assert caught.value.hint


def test_a_read_only_directory_is_told(tmp_path: Path, read_only: Callable[[Path], None]) -> None:
    read_only(tmp_path)
    with pytest.raises(StoreError, match="cannot create the lock file") as caught:
        can_take(tmp_path / "run.lock", exclusive=True)
    assert caught.value.hint


def test_a_read_only_lock_file_is_told(lock_file: Path, read_only: Callable[[Path], None]) -> None:
    lock_file.touch()
    read_only(lock_file)
    with pytest.raises(StoreError, match="cannot create the lock file"):
        can_take(lock_file, exclusive=True)


def test_it_is_held_while_another_process_has_it_alone(start: Start, lock_file: Path) -> None:
    child = take(start, lock_file, "exclusive")
    assert is_held(lock_file)
    tell(child, "release")
    assert not is_held(lock_file)


def test_a_shared_lock_does_not_count_as_held(start: Start, lock_file: Path) -> None:
    take(start, lock_file, "shared")
    assert not is_held(lock_file)


def test_asking_makes_no_file(lock_file: Path) -> None:
    assert not is_held(lock_file)
    assert not lock_file.exists()


def test_asking_leaves_the_holder_alone(start: Start, lock_file: Path) -> None:
    take(start, lock_file, "exclusive")
    assert [is_held(lock_file) for _ in range(100)] == [True] * 100
    assert not can_take(lock_file, exclusive=True)


def test_a_reader_that_asks_again_and_again_does_not_keep_a_run_out(
    start: Start, lock_file: Path
) -> None:
    lock_file.touch()
    asker = start(
        "import sys\nfrom pathlib import Path\nfrom jobrunner.files.locks import is_held\n"
        "print('service', flush=True)\nwhile True: is_held(Path(sys.argv[1]))",
        lock_file,
    )
    assert hears(asker) == "service"
    for _ in range(20):
        with FileLock(lock_file) as lock:
            assert lock.acquire(exclusive=True)


def test_asking_needs_no_right_to_write(
    start: Start, lock_file: Path, read_only: Callable[[Path], None]
) -> None:
    take(start, lock_file, "exclusive")
    read_only(lock_file)
    assert is_held(lock_file)


def test_a_lock_that_cannot_be_read_is_not_called_free(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="cannot read the lock file") as caught:
        is_held(tmp_path / "file" / "run.lock")
    assert caught.value.hint


def test_everybody_may_use_the_lock_that_the_umask_allows(lock_file: Path) -> None:
    old = os.umask(0o002)
    try:
        can_take(lock_file, exclusive=True)
    finally:
        os.umask(old)
    assert stat.S_IMODE(lock_file.stat().st_mode) == 0o664


def test_a_lock_on_a_file_that_was_deleted_meanwhile_is_taken_on_the_new_one(
    start: Start, lock_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = take(start, lock_file, "exclusive")
    tried: list[int] = []

    def noted(descriptor: int, *, exclusive: bool) -> bool:
        tried.append(descriptor)
        return try_lock(descriptor, exclusive=exclusive)

    monkeypatch.setattr(locks, "try_lock", noted)
    with FileLock(lock_file) as waiting:
        waiter = threading.Thread(target=lambda: waiting.acquire(exclusive=True, patience=LIMIT_S))
        waiter.start()
        eventually(lambda: tried)  # it has opened the file
        lock_file.unlink()
        tell(child, "release")
        waiter.join()
        assert is_held(lock_file)
        assert not can_take(lock_file, exclusive=True)
