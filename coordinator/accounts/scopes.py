"""What a key may be for, and what one is made with when nobody says."""

SCOPES = ("admin", "client", "metrics", "worker")
DEFAULT_SCOPES = ("client", "worker")
DEFAULT_ACCOUNT = "default"
