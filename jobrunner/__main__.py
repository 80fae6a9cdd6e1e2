"""``python -m jobrunner`` and the command ``jobrunner``."""

from __future__ import annotations

import gc
import logging
import os
import sys
from pathlib import Path

from jobrunner.errors import ExitCode

CYCLES = (200_000, 20, 50)
"""Objects after which cycles are looked for: seldom, as modules and records are trees. It took a
tenth of the loop of a run, and a sixth of a short command."""

NO_ROOM = b"""error: jobrunner cannot run: memory or open files ran out, or a part of it is gone
  free some memory, raise the limits (ulimit -a), or install jobrunner again
"""


def main() -> None:
    """Run the command line; what goes wrong while it is still being loaded is no traceback."""
    _open_streams()
    gc.set_threshold(*CYCLES)
    try:
        # Without any handler Python's own modules print tracebacks of what they could not load.
        logging.getLogger().addHandler(logging.NullHandler())
        from jobrunner.cli.main import main as run  # noqa: PLC0415 - inside the try

        run()
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
    except (ImportError, MemoryError, OSError):
        if os.environ.get("JOBRUNNER_DEBUG"):
            raise
        os.write(2, NO_ROOM)  # nothing that needs memory
        sys.exit(ExitCode.ERROR)
    finally:
        gc.freeze()  # or the interpreter would look for cycles among them all once more


def _open_streams() -> None:
    """Open nothing in the place of standard streams that are closed, or files would take it."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115


if __name__ == "__main__":
    main()
