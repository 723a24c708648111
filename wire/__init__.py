"""The contract between worker and coordinator: frames, job states, errors, the model catalogue. No I/O."""
