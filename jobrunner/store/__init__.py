"""The state of all sessions in one SQLite database. Only this package contains SQL."""
