"""The running process: sockets, tasks, signals and systemd; it performs the effects of the session."""
