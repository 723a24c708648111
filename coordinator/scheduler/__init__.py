"""Whose turn it is and which worker serves, pure."""
