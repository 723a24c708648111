"""The installer: install.sh and the Python that it carries, of the standard library alone."""
