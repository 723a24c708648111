"""A child process that talks in lines: both of its ends."""
