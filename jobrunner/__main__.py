"""The entry point of ``python -m jobrunner`` and of the command ``jobrunner``."""

from __future__ import annotations

import gc
import logging
import os
import sys
from pathlib import Path

from jobrunner.errors import ExitCode

CYCLES = (200_000, 20, 50)
"""Thresholds of the garbage collector, far above Python's defaults.

Modules and records rarely form cycles, and with the defaults the search for them took a tenth of
the time of a run's loop and a sixth of a short command.
"""

NO_ROOM = b"""error: jobrunner cannot start: memory or open files ran out, or a module is missing
  free some memory, raise the limits (ulimit -a), or reinstall jobrunner
"""


def main() -> None:
    """Run the command line. Errors during its import become a message instead of a traceback."""
    _open_streams()
    gc.set_threshold(*CYCLES)
    try:
        # Without a handler, modules of the standard library print a traceback on failed imports.
        logging.getLogger().addHandler(logging.NullHandler())
        from jobrunner.cli.main import main as run  # noqa: PLC0415 - the import can fail, too

        run()
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
    except (ImportError, MemoryError, OSError):
        if os.environ.get("JOBRUNNER_DEBUG"):
            raise
        os.write(2, NO_ROOM)  # allocates nothing
        sys.exit(ExitCode.ERROR)
    finally:
        gc.freeze()  # spares the interpreter a last collection of all objects at exit


def _open_streams() -> None:
    """Open /dev/null for standard streams that are closed.

    Otherwise the next files to be opened, such as the database, would get their descriptors, and
    messages would be written into those files.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115


if __name__ == "__main__":
    main()
