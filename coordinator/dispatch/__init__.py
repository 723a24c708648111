"""The life of a job, pure: frames and ticks in, effects out."""
