"""Trains the tiny chat model that the tests talk to."""
