"""What operators look at and decide: accounts, workers and money in pages, and orders to workers, in the database."""
