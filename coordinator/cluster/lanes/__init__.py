"""What goes from one replica to another: numbered, in batches, and nothing lost unnoticed."""
