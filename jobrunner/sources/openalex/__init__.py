"""The source ``openalex``."""
