"""The tiny hybrid that guesses its own next tokens: a model of Qwen3.5's kind with a prediction head (MTP)."""
