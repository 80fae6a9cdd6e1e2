"""Input, answers and names made to do harm: no crash, no traceback, bounded memory and time."""
