"""Pictures, film and sound as files: strangers' are read, ours written, without a word about how they were made."""
