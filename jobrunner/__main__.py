"""``python -m jobrunner`` and the command ``jobrunner``."""

from __future__ import annotations

import sys

INTERRUPTED = 130


def main() -> None:
    """Run the command line; an interrupt while it is still being loaded is no traceback."""
    try:
        from jobrunner.cli.main import main as run  # noqa: PLC0415 - inside the try
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    run()


if __name__ == "__main__":
    main()
