"""Tests of the building: layers, sizes, packaging, documentation."""
