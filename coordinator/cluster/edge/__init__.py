"""Jobs of our clients that are in other replicas' cells: all that their edge knows, decides and counts."""
