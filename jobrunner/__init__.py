"""Resumable consolidation of scholarly papers."""

__version__ = "0.2.0"
