"""What lies in a directory, a database or a snapshot gets no key and replaces no file."""
