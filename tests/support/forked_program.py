"""Being the program in a fork of a process that has imported all of it.

A start of the interpreter with its imports takes half a second, and its moment varies by more than
any race lasts; a fork takes milliseconds. The process that forks must have no threads, for those
would not be there in the child, and no open database.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pkgutil
import sys
import threading
from pathlib import Path
from typing import NoReturn

import jobrunner
from jobrunner.cli.main import main
from jobrunner.sources.registry import available

LATE = (
    *("alembic.command", "anyio._backends._asyncio", "httpcore2", "pydantic.type_adapter"),
    *("rich.live", "rich.text"),
)
"""What libraries import only when they need it, and that takes long."""


def import_program() -> None:
    """Import all that a command may need."""
    for module in pkgutil.walk_packages(jobrunner.__path__, "jobrunner."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for name in LATE:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    available()


def fork() -> int:
    """Fork; return the pid in the parent, 0 in the child."""
    assert threading.active_count() == 1, "a process with threads must not fork"
    sys.stdout.flush()
    sys.stderr.flush()
    return os.fork()


def redirect(out: Path, err: Path | None = None) -> None:
    """Let this process read nothing, and write to files; to one if only one is given."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    said = os.open(out, flags, 0o600)
    talk = said if err is None else os.open(err, flags, 0o600)
    for old, new in ((os.open(os.devnull, os.O_RDONLY), 0), (said, 1), (talk, 2)):
        os.dup2(old, new)


def be_program(words: list[str]) -> NoReturn:
    """Be the program with these arguments, and end with its exit code."""
    sys.argv = ["jobrunner", *words]
    code = 70
    try:
        main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
