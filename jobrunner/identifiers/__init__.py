"""Identifiers of papers: the canonical form of each scheme, and extraction from fields."""
