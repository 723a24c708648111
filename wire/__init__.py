"""What both programs must agree on: frames, job states, errors and the catalog, without any I/O."""
