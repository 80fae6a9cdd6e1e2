"""Tests of what the README promises: one folder a promise."""
