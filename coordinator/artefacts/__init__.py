"""Files that were made here or sent by clients: verified, stored once by their content, known by links that expire."""
