"""OpenAI's words and ours, pure: requests read, answers written."""
