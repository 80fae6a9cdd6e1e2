"""What is done to one session: a list of steps that a seed makes, and makes again.

The n-th session of a seed has always the same steps, whatever ran before it. Where a kill by time
hits is up to the machine; at which moment a kill at a named point hits is not.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from tests.support.three_sources import CROSSREF, NAMES, OPENALEX, SEMANTIC_SCHOLAR

LOADING = ("migrate.inside", "lease.taken", "session.created", "load.inside", "load.sealing")
STARTING = ("lease.taken", "crash.noting", "run.starting", "run.started")
WORKING = ("batch.answered", "commit.inside", "commit.before", "commit.after")
SHOWING = (
    *("snapshot.begin", "snapshot.half", "snapshot.written", "snapshot.renamed"),
    *("snapshot.recording", "snapshot.recorded", "publish.renamed"),
)
PUBLISHING = ("publish.copied", "publish.renamed")
RUNNING = (*STARTING, *WORKING * 3, *SHOWING, *PUBLISHING, "run.ending", "run.ended")

POINTS = {
    "begin": (*LOADING, *LOADING, *WORKING, *SHOWING),
    "work": RUNNING,
    "idle": (*STARTING, "run.ending", "run.ended"),
    "finish": (),
    "rival": (),
    "add": ("sources.chosen", *STARTING, *WORKING),
    "grow": ("input.added", "load.inside", *WORKING),
    "spoil": WORKING,
    "retry": ("retry.inside", "retry.between", "retry.retired", *WORKING),
    "again": ("retry.inside", "retry.between", "retry.retired", *WORKING),
    "snapshot": (*SHOWING, *PUBLISHING),
    "copy": ("snapshot.half", "snapshot.written"),
    "delete": ("lease.taken", "delete.rows", "delete.files"),
    "restore": ("lease.taken", "restore.inside", "restore.sealing"),
    "clean": ("lease.taken", "delete.rows", "delete.files"),
}
"""Every action, with the points at which it can be killed."""

SEVERAL = {
    **dict.fromkeys(WORKING, 3),
    "publish.renamed": 2,
    "retry.between": 3,
    "snapshot.written": 4,
}
"""Points that a run passes several times: it is killed at one of the first passes."""

ALWAYS = ("work", "idle", "begin", "restore")
"""What may have to be done instead of an action."""

SUBPROCESSES = 0.06
"""The share of runs that are started as users start them."""


class Kill(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """When a run is killed: at a point, after seconds, or some seconds after some requests.

    All empty: not at all.
    """

    point: str = ""
    requests: int = 0
    seconds: float | None = None

    def __str__(self) -> str:
        if self.point:
            return f"killed at {self.point}"
        if self.seconds is None:
            return "not killed"
        after = f" after {self.requests} requests" if self.requests else ""
        return f"killed {self.seconds:.3f} s{after or ' after its start'}"


NO_KILL = Kill()


class Step(Struct, frozen=True, kw_only=True):
    """One command, and when it is killed.

    Where it cannot be given, because an earlier kill left nothing to give it to, another one is
    given: ``kills`` are by command. ``numbers`` are the papers that are spoiled.
    """

    action: str
    kills: dict[str, Kill]
    forked: bool = True
    numbers: tuple[int, ...] = ()

    def __str__(self) -> str:
        extra = f" {' '.join(map(str, self.numbers))}" if self.numbers else ""
        alone = "" if self.forked else ", a process of its own"
        kills = ", or ".join(f"{name} {kill}" for name, kill in self.kills.items())
        return f"{self.action}{extra}{alone}: {kills}"


class World(Struct, frozen=True, kw_only=True):
    """What a session is made of: sources at first and at the end, and how it works.

    ``bystander``: the database holds another session, completed, which must stay as it is.
    """

    first: tuple[str, ...]
    sources: tuple[str, ...]
    batch_size: int
    interval: float
    bystander: bool


class Plan(Struct, frozen=True, kw_only=True):
    """Everything that is done to one session."""

    world: World
    steps: tuple[Step, ...]


def plan_of(seed: int, number: int) -> Plan:
    """Return the plan of a seed's session."""
    chance = random.Random(f"{seed}/{number}")
    sources, early = chance.choices(
        (
            (NAMES, NAMES),
            (NAMES, (OPENALEX, CROSSREF)),
            (NAMES, (OPENALEX,)),
            ((OPENALEX, CROSSREF), (OPENALEX,)),
            ((OPENALEX,), (OPENALEX,)),
        ),
        weights=(3, 2, 1, 4, 1),
    )[0]
    slow = SEMANTIC_SCHOLAR in sources  # it is asked once a second
    world = World(
        first=early,
        sources=sources,
        batch_size=chance.choice((6, 9, 12) if slow else (2, 3, 4, 6)),
        interval=chance.choice((0.0003, 0.0005, 0.002, 0)),
        bystander=chance.random() < 0.25,
    )
    steps = [_step(chance, "begin") for _ in range(chance.randint(1, 3))]
    first = Kill(point=LOADING[number % len(LOADING)])  # seldom passed: each in its turn
    steps[0] = replace(steps[0], kills=steps[0].kills | {"begin": first})
    for action in _actions(chance, added=early != sources):
        steps.append(_step(chance, action))
        # What is cut off is done again, as a user would do.
        if action in ("add", "grow", "retry", "again", "delete", "restore", "snapshot"):
            steps += [_step(chance, action) for _ in range(chance.randint(0, 2))]
    steps += [_step(chance, "clean") for _ in range(chance.randint(0, 2))]
    return Plan(world=world, steps=tuple(steps))


def _actions(chance: random.Random, *, added: bool) -> Sequence[str]:
    """Return the middle of a session: mostly work, and all else once or twice in between."""
    actions = ["work"] * chance.randint(8, 16)
    extra = ["rival", "grow", "spoil", "retry", "again", "snapshot", "copy"]
    chosen = [one for one in extra if chance.random() < 0.6]
    if chance.random() < 0.4:
        actions.append("finish")
        actions += ["work"] * chance.randint(0, 3)
    if added:
        chosen.append("add")
    if chance.random() < 0.35:
        chosen.append("delete")
    for action in chosen:
        actions.insert(chance.randint(1, len(actions)), action)
    return actions


def _step(chance: random.Random, action: str) -> Step:
    # Not those without a DOI: what one source finds by title, the others ask for by DOI.
    known = [number for number in range(3, 30) if number % 4 != 1]
    numbers = tuple(sorted(chance.sample(known, 2))) if action == "spoil" else ()
    return Step(
        action=action,
        kills={one: _kill(chance, one) for one in dict.fromkeys((action, *ALWAYS))},
        forked=chance.random() >= SUBPROCESSES,
        numbers=numbers,
    )


def _kill(chance: random.Random, action: str) -> Kill:
    points, dice = POINTS[action], chance.random()
    if action == "finish":
        return NO_KILL
    if action == "idle" and dice > 0.65:
        return Kill(seconds=0.15 * chance.random())
    if points and dice < 0.65:
        point = chance.choice(points)
        return Kill(point=f"{point}:{chance.randint(1, SEVERAL.get(point, 1))}")
    if dice < 0.8:
        return Kill(seconds=0.4 * chance.random() ** 2)
    return Kill(requests=chance.randint(1, 4), seconds=0.03 * chance.random())
