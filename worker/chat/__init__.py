"""Text in, structure out: templates, parsers, constraints. All pure."""
