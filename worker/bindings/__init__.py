"""The only importers of llama.cpp and llguidance."""
