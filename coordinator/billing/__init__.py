"""Holds, checkpoints and settlement around a request."""
