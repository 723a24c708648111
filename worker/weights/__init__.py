"""The files of a model: download, verification and the store."""
