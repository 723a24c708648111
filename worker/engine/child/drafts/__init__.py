"""Guesses of what a stream will say next, and how many of them are worth their rows."""
