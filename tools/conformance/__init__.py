"""scripts/conformance: a worker of any make against the protocol."""
