"""The bus between replicas, in one process or over NATS, and a replica's place on it."""
