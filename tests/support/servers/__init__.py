"""Stand-ins for the services that the demonstration does not use."""
