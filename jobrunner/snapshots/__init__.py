"""Snapshots: writing, file format, publishing, retention, comparison with the database."""
