"""One pipeline that draws, films or composes, in a child process: the port to it, its supervisor, and the double."""
