"""Tiny model files for tests, made on the spot: the real formats and tokenizers, random weights."""
