"""The recorder sees everything in order; the disk keeps what was synced and no more."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.promises.power.disk import Disk, Fate, Lost, Random
from tests.promises.power.recorded_run import files_of
from tests.promises.power.recorder import Kind, read_log, variables

EVERYTHING = """
import os, shutil, sys, threading
from pathlib import Path
top = Path(sys.argv[1])
def work(name):
    place = top / name
    place.mkdir()
    for number in range(30):
        with open(place / "appended", "ab", buffering=0) as file:
            file.write(name.encode() * number)
        with open(top / "shared", "r+b", buffering=0) as file:
            os.pwrite(file.fileno(), name.encode() * 3, number)
            os.fsync(file.fileno())
    with open(place / "cut", "wb") as file:
        file.write(b"x" * 10_000)
        file.truncate(5_000)
        file.seek(7_000)
        file.write(b"y")
    with open(place / "cut", "wb") as file:
        file.write(b"shorter")
    os.link(place / "cut", place / "linked")
    os.rename(place / "appended", place / "renamed")
    (place / "renamed").replace(place / "cut")
    (place / "gone").write_text("gone")
    (place / "gone").unlink()
    (place / "tree" / "deep").mkdir(parents=True)
    (place / "tree" / "deep" / "file").write_text("deep")
    if name > "b":
        shutil.rmtree(place / "tree")
(top / "shared").write_bytes(b"")
threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
"""
UNSEEN = """
import os, sys
descriptor = os.open(sys.argv[1] + "/file", os.O_CREAT | os.O_WRONLY)
os.writev(descriptor, [b"one", b"two"])
"""


@pytest.fixture
def top(tmp_path: Path) -> Path:
    path = tmp_path.resolve() / "top"
    path.mkdir()
    return path


def run(script: str, top: Path, recorder: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-c", script, str(top)],
        env={**os.environ, **variables(top, recorder, top.with_name("log"))},
        capture_output=True,
        check=False,
    )


def after(script: str, top: Path, recorder: Path) -> Disk:
    """Return the disk after a script that changes files in this directory."""
    disk = Disk(top)
    done = run(f"import os\nos.chdir({str(top)!r})\n{script}", top, recorder)
    assert done.returncode == 0, done.stderr
    for op in read_log(top.with_name("log")):
        disk.apply(op)
    return disk


def left(disk: Disk, fate: Fate) -> dict[str, bytes]:
    disk.leave(fate)
    return files_of(disk.root)


# ---- the recorder


def test_all_changes_of_several_threads_are_recorded_in_order(top: Path, recorder: Path) -> None:
    disk = after(EVERYTHING.replace("sys.argv[1]", "'.'"), top, recorder)
    made = files_of(top)
    assert len(made) > 10
    assert left(disk, Fate()) == made


def test_a_change_that_cannot_be_recorded_ends_the_process(top: Path, recorder: Path) -> None:
    done = run(UNSEEN, top, recorder)
    assert done.returncode < 0
    assert b"writev" in done.stderr


def test_what_is_said_is_recorded(top: Path, recorder: Path) -> None:
    run("print('finished')", top, recorder)
    said = [op.data for op in read_log(top.with_name("log")) if op.kind is Kind.SAY]
    assert b"".join(said) == b"finished\n"


# ---- the disk

WRITE = "f = open('new', 'wb', buffering=0); f.write(b'1' * 9000);"
SYNC_FILE, SYNC_NAME = "os.fsync(f.fileno());", "os.fsync(os.open('.', os.O_RDONLY));"


def test_a_file_needs_its_own_sync_and_that_of_its_directory(top: Path, recorder: Path) -> None:
    for syncs, there in (
        ("", {}),
        (SYNC_FILE, {}),
        (SYNC_NAME, {"new": b""}),
        (SYNC_FILE + SYNC_NAME, {"new": b"1" * 9000}),
    ):
        top.with_name("log").unlink(missing_ok=True)
        disk = after(WRITE + syncs, top, recorder)
        assert left(disk, Fate()) == {"new": b"1" * 9000}
        assert left(disk, Lost()) == there
        (top / "new").unlink(missing_ok=True)


def test_a_rename_that_was_not_synced_may_be_undone(top: Path, recorder: Path) -> None:
    (top / "old").write_bytes(b"old")
    (top / "new").write_bytes(b"new")
    disk = after("os.rename('new', 'old')", top, recorder)
    undone, done = {"old": b"old", "new": b"new"}, {"old": b"new"}
    found = [left(disk, Random(seed)) for seed in range(40)]
    assert undone in found
    assert done in found
    assert all(files in (undone, done) for files in found)


def test_names_may_be_kept_out_of_order(top: Path, recorder: Path) -> None:
    disk = after("open('first', 'x'); open('second', 'x')", top, recorder)
    found = {tuple(sorted(left(disk, Random(seed)))) for seed in range(60)}
    assert found == {(), ("first",), ("second",), ("first", "second")}


def test_sectors_may_be_lost_one_by_one(top: Path, recorder: Path) -> None:
    (top / "file").write_bytes(b"0" * 8192)
    write = "f = open('file', 'r+b', buffering=0); f.write(b'1' * 8192)"
    disk = after(write, top, recorder)
    found = [left(disk, Random(seed))["file"] for seed in range(60)]
    whole = {part[at : at + 512] for part in found for at in range(0, len(part), 512)}
    assert {b"0" * 512, b"1" * 512} <= whole
    assert any(b"0" in content and b"1" in content for content in found)
    assert any(set(content) - set(b"01") for content in found), "no sector is garbage"
    assert all(len(content) == 8192 for content in found)


def test_a_file_may_have_its_size_before_its_bytes(top: Path, recorder: Path) -> None:
    (top / "file").write_bytes(b"")
    disk = after("f = open('file', 'ab', buffering=0); f.write(b'1' * 8192)", top, recorder)
    found = [left(disk, Random(seed))["file"] for seed in range(60)]
    assert any(content.endswith(b"\0" * 512) for content in found)
    assert any(len(content) < 8192 for content in found)
