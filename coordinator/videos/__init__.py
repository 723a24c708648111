"""Films that are made while nobody waits: a row for each, and those that run."""
