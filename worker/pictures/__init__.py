"""Strangers' pictures, made pixels of the size that the model sees in a process of their own."""
