"""The files of a model: download, verification, the store, and the GGUF header."""
