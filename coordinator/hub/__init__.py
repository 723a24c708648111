"""The shell around dispatch: clock, buffers and sockets."""
