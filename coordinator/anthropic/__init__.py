"""POST /v1/messages: Anthropic's words and ours, pure, the third wording of the same job."""
