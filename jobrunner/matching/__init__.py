"""Decides whether a record describes a paper."""
