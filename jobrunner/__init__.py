"""Resumable consolidation of scholarly papers."""

__version__ = "0.1.0"
