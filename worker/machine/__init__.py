"""This machine: its GPUs, memory and sensors, and the hours and ceilings that its owner sets."""
