"""What edges, cells and all replicas say to each other, as records and as bytes."""
