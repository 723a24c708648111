"""A cluster on this machine: coordinators, NATS nodes, PostgreSQL, scripted workers, and a load balancer in front."""
