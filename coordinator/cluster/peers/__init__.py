"""What a replica knows of the others: who is there, what and whom they have, what they counted."""
