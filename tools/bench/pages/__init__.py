"""scripts/bench pages: what the pages of the dashboard cost a network that has been busy for a month."""
