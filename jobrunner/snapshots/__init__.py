"""Snapshots: file format, writing, publishing, retention, comparison with the database."""
