"""Flags, and the commands of an operator that work on the database."""
