"""The HTTP and websocket endpoints, one file each."""
