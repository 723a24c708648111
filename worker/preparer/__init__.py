"""The process that meets strangers' text: template and tokeniser, apart from the daemon and the engine."""
