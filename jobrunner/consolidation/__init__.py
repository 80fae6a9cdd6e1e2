"""The consolidated view of a paper: which value wins, and why."""
