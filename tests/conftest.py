"""What holds for all tests."""

from __future__ import annotations

import sys

from hypothesis import HealthCheck, settings

# On a busy machine any example takes long; that says nothing about the program.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

# Where Python is told to write no bytecode, each worker would compile all tests anew at each start.
sys.dont_write_bytecode = False
