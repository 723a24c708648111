"""Messages to people when something is wrong: what is noticed, what is told of it and to whom, and its delivery."""
