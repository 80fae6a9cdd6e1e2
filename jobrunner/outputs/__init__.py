"""Outputs: how enriched papers are written."""
