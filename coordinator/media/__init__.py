"""Pictures, films and music that clients ask for: what they may say, what it costs, and what they are told, pure."""
