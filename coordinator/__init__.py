"""The OpenAI-compatible API in front of the workers: accounts, queue, placement, metering."""
