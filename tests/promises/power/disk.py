"""A disk that remembers what was synced, and what a power cut may leave of the rest.

Only what is asked for is certain: a file's bytes once the file was synced, a name once its
directory was synced. Everything since then is the disk's choice (:class:`Fate`).
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from tests.promises.power.recorder import Kind, Op

MAPPED = "-shm"
"""SQLite writes to files with this ending through mapped memory, which nothing records."""


class Write(NamedTuple):
    """Bytes for a place in a file; without any, the file's new size."""

    offset: int
    data: bytes | None


class Change(NamedTuple):
    """New meanings of names in a directory, None for a name that goes; both names or none."""

    order: int
    names: dict[str, File | Directory | None]


class File:
    """A file's bytes as they were when it was last synced, as they are, and the way there."""

    def __init__(self, content: bytes = b"") -> None:
        self.synced = content
        self.now = bytearray(content)
        self.pending: list[Write] = []

    def write(self, write: Write) -> None:
        self.pending.append(write)
        put(self.now, write)

    def sync(self) -> None:
        if self.pending:
            self.synced = bytes(self.now)
            self.pending.clear()


class Directory:
    """A directory's names as they were when it was last synced, as they are, and the way there."""

    def __init__(self) -> None:
        self.synced: dict[str, File | Directory] = {}
        self.now: dict[str, File | Directory] = {}
        self.pending: list[Change] = []

    def change(self, change: Change) -> None:
        self.pending.append(change)
        rename(self.now, change)

    def sync(self) -> None:
        self.synced = dict(self.now)
        self.pending.clear()


def put(content: bytearray, write: Write, filler: bytes = b"\0") -> None:
    """Do a write to some content; what was never written on the way is filled."""
    if len(content) < write.offset:
        content.extend(filler * (write.offset - len(content)))
    if write.data is None:
        del content[write.offset :]
    else:
        content[write.offset : write.offset + len(write.data)] = write.data


def rename(names: dict[str, File | Directory], change: Change) -> None:
    """Do a change to some names."""
    for name, node in change.names.items():
        if node is None:
            names.pop(name, None)
        else:
            names[name] = node


class Disk:
    """The files under one directory, to which recorded changes are done one after the other."""

    def __init__(self, root: Path) -> None:
        """Begin with what there is, all of it synced."""
        self.root = root
        self._nodes: dict[int, File | Directory] = {}
        self._changed = 0
        self.top = self._read(root)

    def _read(self, path: Path) -> Directory:
        directory = Directory()
        self._nodes[path.stat().st_ino] = directory
        for entry in path.iterdir():
            if entry.is_dir():
                node: File | Directory = self._read(entry)
            else:
                node = self._nodes[entry.stat().st_ino] = File(entry.read_bytes())
            directory.now[entry.name] = node
        directory.sync()
        return directory

    def apply(self, op: Op) -> None:
        """Do a recorded change."""
        match op.kind:
            case Kind.WRITE:
                self._file(op).write(Write(op.offset, op.data))
            case Kind.TRUNCATE:
                self._file(op).write(Write(op.size, None))
            case Kind.SYNC:
                self._nodes[op.inode].sync()
            case Kind.CREATE | Kind.MKDIR:
                node = self._nodes[op.inode] = File() if op.kind is Kind.CREATE else Directory()
                self._change(op.path, node)
            case Kind.UNLINK | Kind.RMDIR:
                self._change(op.path, None)
            case Kind.LINK:
                self._change(op.other, self.find(op.path))
            case Kind.RENAME:
                node, target = self.find(op.path), Path(op.other)
                assert target.parent == Path(op.path).parent, "a rename between directories"
                if self._names(target.parent).now.get(target.name) is not node:
                    names = {Path(op.path).name: None, target.name: node}
                    self._rename(target.parent, names)

    def _file(self, op: Op) -> File:
        node = self._nodes[op.inode]
        assert isinstance(node, File), op.path
        return node

    def _change(self, path: str, node: File | Directory | None) -> None:
        self._rename(Path(path).parent, {Path(path).name: node})

    def _rename(self, directory: Path, names: dict[str, File | Directory | None]) -> None:
        self._names(directory).change(Change(self._changed, names))
        self._changed += 1

    def _names(self, path: Path) -> Directory:
        node = self.find(str(path))
        assert isinstance(node, Directory), path
        return node

    def find(self, path: str) -> File | Directory:
        """Return what has a name now."""
        node: File | Directory = self.top
        for name in Path(path).relative_to(self.root).parts:
            assert isinstance(node, Directory), path
            node = node.now[name]
        return node

    def leave(self, fate: Fate) -> None:
        """Put on the real disk, in place of what is there, what a power cut leaves."""
        for path in self.root.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        fate.begin(self._changes(self.top, set()))
        self._leave(self.top, self.root, fate, {})

    def _changes(self, directory: Directory, seen: set[int]) -> list[int]:
        """Return the order numbers of all changes that are not synced."""
        seen.add(id(directory))
        found = [change.order for change in directory.pending]
        nodes = [*directory.synced.values(), *directory.now.values()]
        nodes += [n for change in directory.pending for n in change.names.values() if n]
        for node in nodes:
            if isinstance(node, Directory) and id(node) not in seen:
                found += self._changes(node, seen)
        return found

    def _leave(self, directory: Directory, path: Path, fate: Fate, left: dict[int, Path]) -> None:
        for name, node in fate.names(directory).items():
            place = path / name
            if isinstance(node, Directory):
                place.mkdir()
                self._leave(node, place, fate, left)
            elif id(node) in left:
                os.link(left[id(node)], place)
            else:
                mapped = name.endswith(MAPPED)
                place.write_bytes(fate.mapped(node) if mapped else fate.content(node))
                left[id(node)] = place


class Fate:
    """What becomes of changes that were not synced. This one: the disk was quick, all is there."""

    def begin(self, orders: Iterable[int]) -> None:
        """Prepare to be asked about a disk with these changes of names not synced."""

    def names(self, directory: Directory) -> dict[str, File | Directory]:
        """Return the names that are left in a directory."""
        return directory.now

    def content(self, file: File) -> bytes:
        """Return the bytes that are left of a file."""
        return bytes(file.now)

    def mapped(self, file: File) -> bytes:
        """Return the bytes that are left of a file that was written unseen."""
        return bytes(file.now)

    def __repr__(self) -> str:
        return type(self).__name__


class Lost(Fate):
    """Nothing is there that was not synced: the most that a disk may lose."""

    def names(self, directory: Directory) -> dict[str, File | Directory]:
        return directory.synced

    def content(self, file: File) -> bytes:
        return file.synced


class Last(Fate):
    """All bytes are there, but of the names only the last change: it overtook the others."""

    def begin(self, orders: Iterable[int]) -> None:
        self._last = max(orders, default=-1)

    def names(self, directory: Directory) -> dict[str, File | Directory]:
        names = dict(directory.synced)
        for change in directory.pending:
            if change.order == self._last:
                rename(names, change)
        return names


class Random(Fate):
    """Each sector and each change of names is there or not, by the throw of seeded dice.

    Sectors survive out of order and torn; a file may have its new size but not its new bytes, and
    zeros or garbage in their place; a sector that was being written may be garbage. Names survive
    as the first so many changes, as with a journal, or each by itself.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._dice = random.Random(seed)

    def __repr__(self) -> str:
        return f"Random({self.seed})"

    def begin(self, orders: Iterable[int]) -> None:
        dice = self._dice
        self._sector = dice.choice((512, 4096))
        self._share = dice.choice((0.02, 0.3, 0.5, 0.7, 0.98))
        self._trash = dice.choice((0.0, 0.0, 0.2))
        self._filler = dice.choice((b"\0", b"\xa5", dice.randbytes(1)))
        found = sorted(orders)
        if dice.random() < 0.5:
            self._kept = set(found[: dice.randint(0, len(found))])
        else:
            self._kept = {order for order in found if dice.random() < self._share}

    def names(self, directory: Directory) -> dict[str, File | Directory]:
        names = dict(directory.synced)
        for change in directory.pending:
            if change.order in self._kept:
                rename(names, change)
        return names

    def content(self, file: File) -> bytes:
        content = bytearray(file.synced)
        for write in file.pending:
            for piece in self._pieces(write):
                if self._dice.random() < self._share:
                    put(content, piece, self._filler)
        if len(content) < len(file.now) and self._dice.random() < 0.5:
            put(content, Write(len(file.now), None), self._filler)
        return bytes(content)

    def mapped(self, file: File) -> bytes:
        return self._dice.randbytes(len(file.now))

    def _pieces(self, write: Write) -> Iterable[Write]:
        """Cut a write where the disk's sectors end."""
        if write.data is None:
            yield write
            return
        at, end = write.offset, write.offset + len(write.data)
        while at < end:
            stop = min(end, (at // self._sector + 1) * self._sector)
            data = write.data[at - write.offset : stop - write.offset]
            trashed = self._dice.random() < self._trash
            yield Write(at, self._dice.randbytes(len(data)) if trashed else data)
            at = stop
