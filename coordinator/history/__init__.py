"""What the network did in the last month: sums by model and time, made beside the work, and what is read of them."""
