"""The program as a user runs it: real processes, a real database, a real server on loopback."""
