"""scripts/bench cluster-fairness: several replicas beside one process, in virtual time."""
