"""What a key may be used for, and the defaults of a new one."""

SCOPES = ("admin", "client", "metrics", "worker")
DEFAULT_SCOPES = ("client", "worker")
DEFAULT_ACCOUNT = "default"
