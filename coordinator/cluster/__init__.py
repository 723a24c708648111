"""Many coordinators as one network: jobs that run in another replica's cell, and what replicas tell each other."""
