"""What a browser is given, and the live view of the network that its pages read."""
