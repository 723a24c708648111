"""One answer to a client in several rounds: the model calls platform tools, they are carried out, and it goes on."""
