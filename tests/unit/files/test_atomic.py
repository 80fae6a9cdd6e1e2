"""Files are there whole or not at all, whatever interrupts their writing, with a true checksum."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from jobrunner import crash_points
from jobrunner.errors import FileError
from jobrunner.files import locks
from jobrunner.files.atomic import READ_ONLY, Written, publish, write_whole
from jobrunner.files.checksums import read_sidecar, sha256_of
from tests.support.events import LIMIT_S
from tests.unit.files.conftest import NEW, OLD, sha256

KILLED_AT_EVERY_STEP = """
import json, os, signal, sys
from itertools import count
from pathlib import Path
from jobrunner.files.atomic import publish, write_sidecar, write_whole

STEPS = ("open", "os.remove", "os.rename", "os.link")

def die_before(number):
    steps = count(1)
    def hook(event, arguments):
        if event in STEPS and next(steps) == number:
            os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(hook)

def write(target, source):
    write_whole(target, [source.read_bytes()[:10], source.read_bytes()[10:]])

def write_with_checksum(target, source):
    write(target, source)
    write_sidecar(target, sys.argv[4])

def write_summed(target, source):
    write_whole(target, [source.read_bytes()[:10], source.read_bytes()[10:]], summed=True)

def copy(target, source):
    publish(source, target, sys.argv[4], link=False)

def link(target, source):
    publish(source, target, sys.argv[4], link=True)

act, target, source = globals()[sys.argv[1]], Path(sys.argv[2]), Path(sys.argv[3])
seen = []
for number in count(1):
    place = target.parent / str(number)
    place.mkdir()
    for path in target.parent.glob(target.name + "*"):
        (place / path.name).write_bytes(path.read_bytes())
    child = os.fork()
    if child == 0:
        die_before(number)
        act(place / target.name, source)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    seen.append({path.name: path.read_text() for path in place.iterdir()})
    if status == 0:
        print(json.dumps(seen))
        break
    assert status == -signal.SIGKILL, status
"""


def killed_at_every_step(act: str, target: Path, source: Path) -> list[dict[str, str]]:
    """Do it with a kill before its first step on a file, its second, ... until it survives.

    Returns the files of the directory after each.
    """
    arguments = (act, str(target), str(source), sha256(NEW))
    done = subprocess.run(
        [sys.executable, "-c", KILLED_AT_EVERY_STEP, *arguments],
        check=True,
        capture_output=True,
        text=True,
    )
    seen: list[dict[str, str]] = json.loads(done.stdout)
    return seen


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


# ---- written whole


def test_a_kill_at_any_step_leaves_the_old_file_or_the_new_one(target: Path, source: Path) -> None:
    contents = [files[target.name] for files in killed_at_every_step("write", target, source)]
    assert len(contents) > 2
    assert set(contents) == {OLD.decode(), NEW.decode()}
    assert contents == sorted(contents, key=[OLD.decode(), NEW.decode()].index)


def test_a_named_moment_is_passed_before_the_new_file_takes_the_place(target: Path) -> None:
    script = (
        "import sys; from jobrunner.files.atomic import *; write_whole(Path(sys.argv[1]), [b'new'])"
    )
    killed = subprocess.run(
        [sys.executable, "-c", script, str(target)],
        env={**os.environ, "JOBRUNNER_FAULT": "snapshot.written"},
        check=False,
    )
    assert killed.returncode == -9
    assert target.read_bytes() == OLD


def test_the_next_writer_deletes_what_a_killed_one_left(target: Path) -> None:
    script = (
        "import sys; from jobrunner.files.atomic import *; write_whole(Path(sys.argv[1]), [b'new'])"
    )
    environment = {**os.environ, "JOBRUNNER_FAULT": "snapshot.written"}
    subprocess.run([sys.executable, "-c", script, str(target)], env=environment, check=False)
    assert len([name for name in names(target.parent) if name.endswith(".tmp")]) == 1
    write_whole(target, [NEW])
    assert not [name for name in names(target.parent) if name.endswith(".tmp")]


def test_a_writer_leaves_the_file_of_another_living_one_alone(target: Path) -> None:
    def chunks() -> Iterator[bytes]:
        yield OLD
        write_whole(target, [NEW])
        yield OLD

    write_whole(target, chunks())
    assert target.read_bytes() == OLD + OLD


def test_what_was_written_is_told_with_its_checksum(target: Path) -> None:
    written = write_whole(target, [NEW[:7], NEW[7:]])
    assert written == Written(sha256(NEW), len(NEW))
    assert target.read_bytes() == NEW


def test_directories_are_made_as_needed(tmp_path: Path) -> None:
    write_whole(tmp_path / "a" / "b" / "new.json", [NEW])
    assert (tmp_path / "a" / "b" / "new.json").read_bytes() == NEW


def test_a_file_can_be_made_read_only(tmp_path: Path) -> None:
    write_whole(tmp_path / "kept.json", [NEW], mode=READ_ONLY)
    assert stat.S_IMODE((tmp_path / "kept.json").stat().st_mode) == 0o444


def test_an_error_while_it_is_made_leaves_the_old_file_alone(target: Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield NEW
        raise KeyError("the source of the pieces has failed")

    with pytest.raises(KeyError):
        write_whole(target, pieces())
    assert target.read_bytes() == OLD
    assert names(target.parent) == {"out.json", "out.json.sha256"}


FULL_DISK = """
import resource, sys
from pathlib import Path
from jobrunner.errors import FileError
from jobrunner.files.atomic import publish, write_whole
target, source = Path(sys.argv[2]), Path(sys.argv[3])
resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
try:
    if sys.argv[1] == "write":
        write_whole(target, [source.read_bytes()])
    else:
        publish(source, target, "0" * 64, link=False)
except FileError as error:
    print(error, error.hint, sep="\\n")
"""


def on_a_full_disk(act: str, target: Path, source: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, act, str(target), str(source)],
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.splitlines()


@pytest.mark.parametrize("act", ["write", "publish"])
def test_a_full_disk_is_told_and_leaves_the_old_file_alone(
    target: Path, source: Path, act: str
) -> None:
    message, hint = on_a_full_disk(act, target, source)
    assert message == f"cannot write {target}: {os.strerror(errno.EFBIG)}"
    assert "(ulimit -f), or choose another path" in hint
    assert target.read_bytes() == OLD
    assert read_sidecar(target) == sha256(OLD)
    assert names(target.parent) == {"out.json", "out.json.sha256"}


def test_a_file_in_the_place_of_a_directory_is_told(target: Path, source: Path) -> None:
    with pytest.raises(FileError, match="cannot write"):
        write_whole(target / "new.json", [NEW])
    with pytest.raises(FileError, match="cannot write"):
        publish(source, target / "new.json", sha256(NEW), link=True)


# ---- published


@pytest.mark.parametrize("act", ["write_with_checksum", "write_summed", "copy", "link"])
def test_a_kill_at_any_step_leaves_no_checksum_beside_a_file_that_it_is_not_of(
    target: Path, source: Path, act: str
) -> None:
    seen = killed_at_every_step(act, target, source)
    assert len(seen) > 4
    assert seen[-1][target.name] == NEW.decode()
    for files in seen:
        content, line = files[target.name], files.get(f"{target.name}.sha256")
        assert content in (OLD.decode(), NEW.decode())
        assert line in (None, f"{sha256(content.encode())}  {target.name}\n")


def test_a_published_file_is_a_link_where_the_file_system_has_them(
    target: Path, source: Path
) -> None:
    publish(source, target, sha256(NEW), link=True)
    assert target.samefile(source)


def test_a_link_that_is_there_already_is_published_again(target: Path, source: Path) -> None:
    publish(source, target, sha256(NEW), link=True)
    publish(source, target, sha256(NEW), link=True)
    assert target.samefile(source)
    assert names(target.parent) == {"out.json", "out.json.sha256"}


def test_a_copy_is_published_where_there_are_no_links(
    target: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: Any, **__: Any) -> None:
        raise OSError("links are not supported")

    monkeypatch.setattr(os, "link", no_links)
    publish(source, target, sha256(NEW), link=True)
    assert target.read_bytes() == NEW
    assert not target.samefile(source)


def test_a_copy_can_be_changed_without_changing_what_it_is_of(target: Path, source: Path) -> None:
    publish(source, target, sha256(NEW), link=False)
    target.write_bytes(b"edited")
    assert source.read_bytes() == NEW


# ---- written by two at once

OTHER = b"what somebody else writes\n"


def write_new(target: Path, _: Path) -> None:
    write_whole(target, [NEW], summed=True)


def publish_new(target: Path, source: Path) -> None:
    publish(source, target, sha256(NEW), link=False)


def halfway(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Let something happen once, when a file has its new name but not yet its checksum."""
    todo = [happens]

    def point(name: str) -> None:
        if name == "publish.renamed" and todo:
            todo.pop()()

    monkeypatch.setattr(crash_points, "point", point)


@pytest.mark.parametrize("act", [write_new, publish_new])
def test_whoever_writes_a_file_meanwhile_waits_until_it_has_its_checksum(
    target: Path, source: Path, monkeypatch: pytest.MonkeyPatch, act: Callable[[Path, Path], None]
) -> None:
    monkeypatch.setattr(locks, "DIRECTORY_PATIENCE_S", LIMIT_S)
    with ThreadPoolExecutor(1) as pool:
        waiting: list[Future[None]] = []

        def begin_another() -> None:
            waiting.append(pool.submit(write_other, target))
            pause()

        halfway(monkeypatch, begin_another)
        act(target, source)
        waiting[0].result()
    assert target.read_bytes() == OTHER
    assert read_sidecar(target) == sha256(OTHER)


def write_other(target: Path) -> None:
    write_whole(target, [OTHER], summed=True)


def pause() -> None:
    """Give another thread the time that it would need to write a small file."""
    time.sleep(0.2)


@pytest.mark.parametrize("act", [write_new, publish_new])
def test_one_who_was_suspended_too_long_leaves_the_checksum_of_the_other(
    target: Path, source: Path, monkeypatch: pytest.MonkeyPatch, act: Callable[[Path, Path], None]
) -> None:
    monkeypatch.setattr(locks, "DIRECTORY_PATIENCE_S", 0.05)
    halfway(monkeypatch, lambda: write_other(target))
    act(target, source)
    assert target.read_bytes() == OTHER
    assert read_sidecar(target) == sha256(OTHER)


def test_a_finished_file_that_waits_for_its_turn_is_not_taken_for_a_left_one(
    target: Path,
) -> None:
    descriptor = os.open(target.parent, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(write_other, target)
        pause()
        write_whole(target, [NEW])
        os.close(descriptor)
        waiting.result()
    assert target.read_bytes() == OTHER
    assert names(target.parent) == {"out.json", "out.json.sha256"}


def test_where_there_are_no_locks_a_file_is_written_without(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    write_whole(target, [NEW], summed=True)
    assert target.read_bytes() == NEW
    assert read_sidecar(target) == sha256(NEW)


WRITE_OFTEN = """
import sys
from pathlib import Path
from jobrunner.files import locks
from jobrunner.files.atomic import publish, write_whole
from jobrunner.files.checksums import sha256_of
locks.DIRECTORY_PATIENCE_S = 900.0  # a writer may be held up for long on a busy machine
target, source = Path(sys.argv[1]), Path(sys.argv[2])
for number in range(5):
    write_whole(target, [f"{sys.argv[3]} writes {number}".encode()], summed=True)
    publish(source, target, sha256_of(source), link=False)
"""


def test_many_processes_that_write_one_file_leave_it_with_its_own_checksum(
    target: Path, source: Path
) -> None:
    command = [sys.executable, "-c", WRITE_OFTEN, str(target), str(source)]
    writers = [subprocess.Popen([*command, str(number)]) for number in range(4)]
    assert [writer.wait() for writer in writers] == [0] * 4
    assert read_sidecar(target) == sha256_of(target)
    assert names(target.parent) == {"out.json", "out.json.sha256"}
