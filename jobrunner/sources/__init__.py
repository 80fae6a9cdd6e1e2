"""The services that know papers: one class each, found by name in the registry."""
