"""Teaches the tiny chat model to draw with the network's own tool."""
