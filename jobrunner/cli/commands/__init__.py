"""The commands, each in a module of the same name."""
