"""The daemon on a GPU box: downloads, loads, registers, serves."""
