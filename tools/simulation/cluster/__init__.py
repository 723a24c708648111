"""Several replicas in virtual time: a balancer before them, a bus between them, and what goes wrong with both."""
