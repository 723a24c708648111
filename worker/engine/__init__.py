"""One loaded model: llama.cpp in a child process, batched over slots."""
