"""Trains the toy that draws: a tiny Stable Diffusion pipeline of emoji-like things at 64 x 64."""
