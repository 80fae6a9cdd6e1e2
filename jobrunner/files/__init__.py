"""Files and locks: atomic writes, checksums, directories, checks of the file system."""
