"""The source ``semantic_scholar``."""
