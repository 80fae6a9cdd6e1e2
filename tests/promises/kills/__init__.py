"""Real sessions, killed at any moment, again and again: what is promised must hold each time."""
