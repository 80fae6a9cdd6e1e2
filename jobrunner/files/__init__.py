"""Files and locks: atomic writes, checksums, directories, file system checks."""
