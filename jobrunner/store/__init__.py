"""The state of all sessions in one SQLite database; the only package that speaks SQL."""
