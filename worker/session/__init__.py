"""The worker's half of the protocol, pure: frames, engine events and ticks in, effects out."""
