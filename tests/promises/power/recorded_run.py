"""A recorded run, cut off wherever a power cut might: how many disks were tried, what was lost."""

from __future__ import annotations

import copy
import random
import re
import signal
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from tests.promises.power.disk import Disk, Fate
from tests.promises.power.losses import Reported, Truth, find_losses, truth_of
from tests.promises.power.recorder import Kind, Op, announce, read_log, record, stop_recording
from tests.support.program import Program

Wanted = Callable[[Op], bool]
Fates = Callable[[int, Op], Iterable[Fate]]
"""What is tried where the power is cut: at a place in the log, after a change."""

NAMING = (Kind.RENAME, Kind.LINK, Kind.UNLINK, Kind.CREATE, Kind.MKDIR)


class Recording:
    """A program's changes to its directory, which can be undone and done again up to any of them.

    The directory is taken from the program: every disk that is tried stands in its place, because
    a session remembers where its files are.
    """

    def __init__(self, program: Program, before: Disk, ops: Sequence[Op]) -> None:
        self.program = program
        self.ops = ops
        self.files = files_of(program.directory)
        self._before = before
        self.truth: Truth = truth_of(ops, copy.deepcopy(before), program)

    def cuts(self, seed: int, extra: int) -> list[int]:
        """Return where to cut: around each sync, before each change of a name, and at random."""
        found = {
            i + after for i, op in enumerate(self.ops) if op.kind is Kind.SYNC for after in (0, 1)
        }
        found |= {i for i, op in enumerate(self.ops) if op.kind in NAMING}
        dice = random.Random(seed)
        found |= {dice.randrange(len(self.ops)) for _ in range(extra)}
        return sorted(found | {len(self.ops)})

    def disks(
        self, cuts: Iterable[int], *, without: Wanted = lambda _: False
    ) -> Iterator[tuple[int, Disk, Reported]]:
        """Yield the disk as it is at each cut, with what was reported; some records left out."""
        disk, reported, done = copy.deepcopy(self._before), Reported(), 0
        for cut in sorted(cuts):
            for op in self.ops[done:cut]:
                if not without(op):
                    disk.apply(op)
                reported.hear(op)
            done = cut
            yield cut, disk, reported


def record_commands(
    program: Program,
    recorder: Path,
    log: Path,
    commands: Iterable[tuple[Sequence[object], str]],
    *,
    pragma: str = "",
) -> Recording:
    """Record commands, each with the moment at which it is killed, "" for none."""
    before = Disk(program.directory)
    record(program, recorder, log, pragma=pragma)
    for command, moment in commands:
        announce(log)
        program.run(*command, fault=moment, code=-signal.SIGKILL if moment else 0)
    stop_recording(program)
    return Recording(program, before, read_log(log))


def files_of(directory: Path) -> dict[str, bytes]:
    """Return all files under a directory, by name."""
    files = (path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): path.read_bytes() for path in files}


class Tried(Struct):
    """How many disks of each kind were tried, and what was found on them."""

    states: Counter[str]
    losses: list[str]


def try_all(
    recording: Recording,
    cuts: Sequence[int],
    fates: Fates,
    *,
    without: Wanted = lambda _: False,
    until: str | None = None,
    beyond: Callable[[], None] = lambda: None,
) -> Tried:
    """Let the power be cut everywhere, with each fate; look at what is left.

    ``until`` is the pattern of a loss at which to stop; ``beyond`` is called for each disk that
    has none.
    """
    tried = Tried(Counter(), [])
    for cut, disk, reported in recording.disks(cuts, without=without):
        for fate in fates(cut, recording.ops[max(0, cut - 1)]):
            disk.leave(fate)
            losses = find_losses(recording.program, cut, reported, recording.truth)
            tried.losses += [f"{cut}, {fate}: {loss}" for loss in losses]
            tried.states[type(fate).__name__] += 1
            if until is not None and any(re.search(until, loss) for loss in losses):
                return tried
            if not losses:
                beyond()
    return tried
