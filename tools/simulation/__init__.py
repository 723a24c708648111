"""A simulated network: the real session and dispatch, everything around them in one process and in virtual time."""
