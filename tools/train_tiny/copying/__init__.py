"""The tiny hybrid that copies: of Qwen3.5's kind, it repeats a text out of its prompt and changes one line."""
