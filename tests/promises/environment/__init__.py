"""A hostile environment, produced for real: full disks, failing calls, limits, clocks, locks."""
