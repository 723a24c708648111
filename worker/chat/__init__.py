"""From a request to its prompt, and from the tokens of an answer to its parts, pure."""
