"""What a request must pass before it may cost anything: rate limits, idempotency."""
