"""What holds for all tests."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# On a busy machine any example takes long; that says nothing about the program.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")
