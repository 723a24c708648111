"""What guesses ahead gain where an answer copies, and cost where it does not."""
