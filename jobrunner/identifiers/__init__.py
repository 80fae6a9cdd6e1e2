"""Identifiers of papers: how each scheme is spelt, and how they are extracted."""
