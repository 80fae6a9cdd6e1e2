"""The sources: one class for each service, found by name in the registry."""
