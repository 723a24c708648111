"""What both programs share beside the wire: settings, log lines, traces, GGUF headers, bounds on a peer."""
