"""Trains the tiny model that sees, and its eyes."""
