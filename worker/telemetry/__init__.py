"""What the worker has done and how it is: counters, status, /metrics and traces."""
