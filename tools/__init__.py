"""The Python behind scripts/, one folder or file per command and of the same name."""
