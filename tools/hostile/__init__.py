"""Requests that are meant to break something: `cases` has them, `__main__` sends them to a network of processes."""
