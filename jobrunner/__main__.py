"""``python -m jobrunner``: the command line without an installed script."""

from jobrunner.cli.main import main

main()
