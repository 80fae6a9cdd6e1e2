"""Whether a record is of a paper."""
