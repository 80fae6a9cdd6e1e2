"""The source ``crossref``."""
