"""Real paper lists against real records of the sources."""
