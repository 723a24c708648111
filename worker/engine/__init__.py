"""One loaded model in a child process: the port to it, its supervisor, and the scripted double."""
